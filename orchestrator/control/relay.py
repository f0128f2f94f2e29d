"""Carries out what the outbox asks for. A row is marked only after its effect, and every effect may happen twice."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlmodel import Session

from coop.core.errors import CoopError, Unavailable
from coop.services import outbox
from orchestrator.control.announce import Announcer
from orchestrator.control.keys import Keys
from orchestrator.control.store import Store
from orchestrator.services import nodes

log = structlog.get_logger()


@dataclass(frozen=True)
class Row:
    """An outbox row outside its session."""

    id: str
    kind: str
    body: dict[str, object]


class Relay:
    """One pass over the outbox at a time, oldest first. What cannot be sent now waits and holds up nothing else."""

    def __init__(self, *, store: Store, keys: Keys, announcer: Announcer) -> None:
        self._store, self._keys, self._announcer = store, keys, announcer
        self._actions: dict[str, Callable[[Row], Awaitable[None]]] = {
            "policy.enacted": self._on_policy,
            "node.approved": self._on_approved,
            "node.revoked": self._on_revoked,
        }

    async def run_once(self) -> int:
        """Send what waits and return how many rows were sent."""
        rows = await self._store.read(self._list)
        sent = 0
        for row in rows:
            sent += await self._send(row)
        return sent

    def _list(self, session: Session, _now: datetime) -> list[Row]:
        return [Row(row.id, row.kind, dict(row.body)) for row in outbox.list_unsent(session)]

    async def _send(self, row: Row) -> bool:
        action = self._actions.get(row.kind)
        try:
            if action is None:
                log.error("outbox_kind_unknown", kind=row.kind, id=row.id)
            else:
                await action(row)
        except Unavailable as error:
            log.info("outbox_waits", kind=row.kind, error=str(error))
            return False
        except CoopError as error:  # trying again would fail again: say so, and let the next ones pass
            log.error("outbox_refused", kind=row.kind, id=row.id, error=str(error))  # noqa: TRY400 -- a known error
        await self._store.write(lambda session, now: outbox.mark_sent(session, outbox_id=row.id, now=now))
        return True

    async def _on_policy(self, _row: Row) -> None:
        await self._announcer.announce_policy()

    async def _on_revoked(self, _row: Row) -> None:
        await self._announcer.push_accounts()

    async def _on_approved(self, row: Row) -> None:
        node_id, name, public_key = (str(row.body[part]) for part in ("node_id", "name", "public_key"))

        def mint(session: Session, now: datetime) -> None:
            credential = self._keys.mint_user("node", name, public_key, now=now)
            nodes.store_credential(session, node_id=node_id, credential=credential)

        await self._store.write(mint)
