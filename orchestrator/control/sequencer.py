"""Gives committed events their places in the one log, within a second, and signs a head when something closed."""

import time
from datetime import datetime

from sqlmodel import Session

from coop.core.log import Frontier
from coop.core.signing import SigningKey
from coop.services import log
from orchestrator.control.store import Store

LOOK_BACK_MS = 600_000  # how far the quick look goes; a transaction that is open longer is found by the full one
FULL_EVERY_S = 60.0
CLOSING_KINDS = frozenset({"ballot.closed", "period.closed", "payout_run.approved", "policy.enacted"})


class Sequencer:
    """The only writer of places. Keeps the right edge of the tree, so that a head costs only what is new."""

    def __init__(self, store: Store, key: SigningKey) -> None:
        self._store, self._key = store, key
        self._frontier = Frontier()
        self._full_at = float("-inf")

    async def run_once(self) -> int:
        """Place all that waits and return how many that were."""
        after_id = self._look_after()
        total, closed = 0, False
        while True:
            kinds = await self._place(after_id)
            total += len(kinds)
            closed = closed or not CLOSING_KINDS.isdisjoint(kinds)
            if len(kinds) < log.BATCH_MAX:
                break
        if closed:
            await self._store.write(self._sign)
        return total

    async def _place(self, after_id: str) -> list[str]:
        # Looking is free, writing is not: SQLite has one writer.
        if not await self._store.read(lambda session, _now: log.has_unplaced(session, after_id=after_id)):
            return []
        return await self._store.write(lambda session, _now: log.sequence(session, after_id=after_id))

    def _look_after(self) -> str:
        now = time.monotonic()
        if now - self._full_at >= FULL_EVERY_S:
            self._full_at = now
            return ""
        return f"{time.time_ns() // 1_000_000 - LOOK_BACK_MS:012x}"

    def _sign(self, session: Session, now: datetime) -> object:
        return log.sign_head(session, key=self._key, now=now, frontier=self._frontier)
