"""Keeps the lead: claims it, renews it every second, starts the leader's work with it and ends that when it is lost."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from coop.core.clock import utc_now
from coop.core.db import Database
from coop.services import leadership
from orchestrator.control.store import OFFICE

RENEW_S = 1.0
LEASE_S = leadership.LEASE.total_seconds()

log = structlog.get_logger()


class Leader:
    """One candidate. `lead(fence)` runs as long as the lead is held."""

    def __init__(self, database: Database, holder: str, lead: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        self._database, self._holder, self._lead = database, holder, lead
        self._task: asyncio.Task[None] | None = None
        self._fence: int | None = None
        self._renewed_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Hold or wait for the lead until `stop`, then give it back. Raises what the leader's work raised."""
        try:
            while not stop.is_set():
                await self._follow(await self._claim())
                if self._task is not None and self._task.done():
                    self._task.result()
                try:
                    await asyncio.wait_for(stop.wait(), RENEW_S)
                except TimeoutError:
                    continue
        finally:
            await self._end()
            await asyncio.to_thread(self._release)

    async def _claim(self) -> int | None:
        asked_at = time.monotonic()
        try:
            fence = await asyncio.to_thread(self._try)
        except SQLAlchemyError as error:
            log.warning("lead_not_renewed", error=str(error)[:200])
            # The row still names us until the lease runs out; after that another one may lead.
            return self._fence if asked_at - self._renewed_at < LEASE_S else None
        self._renewed_at = asked_at
        return fence

    def _try(self) -> int | None:
        with self._database.transaction() as session:
            return leadership.claim(session, name=OFFICE, holder=self._holder, now=utc_now())

    def _release(self) -> None:
        try:
            with self._database.transaction() as session:
                leadership.release(session, name=OFFICE, holder=self._holder, now=utc_now())
        except SQLAlchemyError as error:  # the lease runs out by itself
            log.warning("lead_not_released", error=str(error)[:200])

    async def _follow(self, fence: int | None) -> None:
        if fence == self._fence:
            return
        await self._end()
        self._fence = fence
        if fence is not None:
            log.info("leads", holder=self._holder, fence=fence)
            self._task = asyncio.create_task(self._lead(fence))

    async def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            log.info("leads_no_more", fence=self._fence)
        self._fence = None
