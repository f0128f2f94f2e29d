"""Countersignatures on their way to control. They wait in memory; when too many do, the oldest is dropped.

A lost one costs nothing: at its deadline control settles by the node's receipt and flags it.
"""

import asyncio
from collections import deque

import structlog

from coop.core.errors import CoopError, Unavailable
from orchestrator.gateway.control import Grid
from orchestrator.messages import ReceiptCountersign

WAITING_MAX = 10_000
PAUSE_LEAST_S, PAUSE_MOST_S = 0.2, 10.0

log = structlog.get_logger()


class Countersigns:
    """A bounded queue and the loop that empties it."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._waiting: deque[ReceiptCountersign] = deque(maxlen=WAITING_MAX)
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: ReceiptCountersign) -> None:
        """Queue one; never waits."""
        self._waiting.append(message)
        self._filled.set()

    async def deliver(self) -> None:
        """Send one after the other until cancelled, with growing pauses while control does not answer."""
        pause_s = PAUSE_LEAST_S
        while True:
            await self._filled.wait()
            try:
                await self.send_all()
                pause_s = PAUSE_LEAST_S
            except Unavailable:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_MOST_S)

    async def send_all(self) -> None:
        """Send all that wait. Raises Unavailable and keeps the rest; one that control refuses for good is dropped."""
        while self._waiting:
            message = self._waiting.popleft()
            try:
                await self._grid.countersign(message)
            except Unavailable:
                if len(self._waiting) < WAITING_MAX:
                    self._waiting.appendleft(message)
                raise
            except CoopError as error:
                log.warning("countersignature_refused", reason=str(error))
        self._filled.clear()
