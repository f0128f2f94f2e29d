"""What control says by itself: the policy bundle in force to the grid, the account with its revoked users to NATS."""

import time
from datetime import datetime

import structlog
from sqlmodel import Session

from coop.core.errors import NotFound, Unavailable
from coop.services import policies
from orchestrator.bus import Bus
from orchestrator.control.keys import Keys
from orchestrator.control.store import Store
from orchestrator.messages import PolicyAnnounced
from orchestrator.services import nodes
from orchestrator.subjects import Subjects

CLAIMS_UPDATE = "$SYS.REQ.CLAIMS.UPDATE"  # the server's own service, not a subject of the grid
REPEAT_S = 1.0  # how often a lagging node may cause another announcement

log = structlog.get_logger()


class Announcer:
    """Says the present state again whenever somebody may have missed it; saying it twice does no harm."""

    def __init__(self, *, store: Store, keys: Keys, bus: Bus, system_bus: Bus) -> None:
        self._store, self._keys, self._bus, self._system_bus = store, keys, bus, system_bus
        self._subjects = Subjects(keys.settings.instance)
        self._announced_at = float("-inf")
        self.place = (0, 0)

    async def announce_policy(self) -> None:
        """Sign the policy in force where it is not signed yet, and send its bundle to everybody. Raises Unavailable."""
        message = await self.current()
        if message.bundle is None:
            return
        self._announced_at = time.monotonic()
        await self._bus.publish(self._subjects.policy_announced(), message)

    async def announce_to_laggard(self, place: tuple[int, int]) -> None:
        """Announce again when a node says that it obeys an older policy than the one in force."""
        if place >= self.place or time.monotonic() - self._announced_at < REPEAT_S:
            return
        try:
            await self.announce_policy()
        except Unavailable:
            log.info("policy_not_announced", place=self.place)

    async def current(self) -> PolicyAnnounced:
        """Return the bundle in force, signed first if need be; None while there is no co-op yet."""
        message, place, is_signed = await self._store.read(self._look)
        if not is_signed:
            await self._store.write(self._sign)
            message, place, _ = await self._store.read(self._look)
        self.place = place
        return message

    async def push_accounts(self) -> None:
        """Give NATS the account as the database wants it; revoked users are cut at once. Raises Unavailable."""
        token = await self._store.read(self._grid_jwt)
        answer = await self._system_bus.request_raw(CLAIMS_UPDATE, token.encode())
        if b'"code":200' not in answer.replace(b" ", b""):
            log.error("account_refused", answer=answer[:300].decode(errors="replace"))
            raise Unavailable("bus.failed")

    def _look(self, session: Session, now: datetime) -> tuple[PolicyAnnounced, tuple[int, int], bool]:
        try:
            policy = policies.in_force(session, now)
        except NotFound:
            return PolicyAnnounced(bundle=None), (0, 0), True
        return PolicyAnnounced(bundle=policy.bundle), (policy.epoch, policy.version), policy.bundle is not None

    def _sign(self, session: Session, now: datetime) -> None:
        for policy in policies.list_unsigned(session):
            coop = self._keys.settings.instance
            policies.build_bundle(session, policy.epoch, policy.version, self._keys.policy_key, coop, now)

    def _grid_jwt(self, session: Session, now: datetime) -> str:
        revoked = {
            node.public_key: node.decided_at
            for node in nodes.list_all(session)
            if node.state == "revoked" and node.decided_at is not None
        }
        return self._keys.grid_jwt(revoked, now=now)
