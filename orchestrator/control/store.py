"""Control's way to the database: one short transaction in a thread at a time, fenced against a stale leader."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session

from coop.core.clock import utc_now
from coop.core.db import Database
from coop.services import leadership

OFFICE = "control"
Result = TypeVar("Result")


class Store:
    """The database as the leader with this fence uses it. `work(session, now)` runs in a thread."""

    def __init__(self, database: Database, fence: int) -> None:
        self._database, self._fence = database, fence
        # Threads that wait for SQLite's one writer would sleep and poll; our own queue is quicker and fair.
        self._writing = asyncio.Lock()

    async def write(self, work: Callable[[Session, datetime], Result]) -> Result:
        """Run the work in a transaction and return after its commit. Raises Conflict when another one leads."""
        async with self._writing:
            return await asyncio.to_thread(self._write, work)

    async def read(self, work: Callable[[Session, datetime], Result]) -> Result:
        """Run the work on one consistent state."""
        return await asyncio.to_thread(self._read, work)

    def _write(self, work: Callable[[Session, datetime], Result]) -> Result:
        with self._database.transaction() as session:
            leadership.require(session, name=OFFICE, fence=self._fence)
            return work(session, utc_now())

    def _read(self, work: Callable[[Session, datetime], Result]) -> Result:
        with self._database.reading() as session:
            return work(session, utc_now())
