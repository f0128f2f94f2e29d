"""The slices of credit this gateway holds, one pool a member. Nothing is spent that was not reserved first."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from coop.core.clock import from_iso, utc_now
from coop.core.errors import CoopError, InsufficientCredit
from orchestrator.gateway.control import Grid

STOP_BEFORE_S = 5.0  # no work starts on a slice that ends sooner; control's grace is for what was started
WAIT_FOR_REFUND_S = 3.0  # how long a request waits for others of its member to settle before it is refused
MEMBERS_MAX = 10_000

log = structlog.get_logger()


@dataclass
class Slice:
    """One lease. free = amount - reserved - spent; `spent` counts worst cases whose outcome is not known."""

    lease_id: str
    amount_nano: int
    expires_at: datetime
    reserved_nano: int = 0
    spent_nano: int = 0

    @property
    def free_nano(self) -> int:
        """Return what may still be reserved."""
        return self.amount_nano - self.reserved_nano - self.spent_nano

    def is_usable(self, now: datetime) -> bool:
        """Say whether work may start on it."""
        return (self.expires_at - now).total_seconds() > STOP_BEFORE_S


@dataclass
class Pool:
    """The slices of one member. `lock` guards leasing; reserving itself has no await inside and needs none."""

    slices: list[Slice] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    refunded: asyncio.Event = field(default_factory=asyncio.Event)


class Reservation:
    """Money set aside for one piece of work. Exactly one of `settle`, `release` and `keep` ends it."""

    def __init__(self, pool: Pool, of: Slice, nano: int) -> None:
        self._pool = pool
        self._slice = of
        self.nano = nano
        self._is_open = True
        of.reserved_nano += nano

    @property
    def lease_id(self) -> str:
        """Return the lease it is on."""
        return self._slice.lease_id

    def _end(self, spent_nano: int) -> None:
        assert self._is_open, "a reservation ends once"
        assert 0 <= spent_nano <= self.nano, "more was spent than reserved"
        self._is_open = False
        self._slice.reserved_nano -= self.nano
        self._slice.spent_nano += spent_nano
        self._pool.refunded.set()

    def settle(self, cost_nano: int) -> None:
        """Spend what the receipt says and refund the rest."""
        self._end(cost_nano)

    def release(self) -> None:
        """Refund all: no work was done."""
        self._end(0)

    def keep(self) -> None:
        """Spend the worst case: whether the work was done is not known; control gives back what no receipt claims."""
        self._end(self.nano)


class Pools:
    """All pools of this gateway."""

    def __init__(self, grid: Grid, clock: Callable[[], datetime] = utc_now) -> None:
        self._grid = grid
        self._clock = clock
        self._pools: dict[str, Pool] = {}

    async def reserve(self, member_id: str, nano: int) -> Reservation:
        """Set `nano` aside out of a slice, leasing one when needed. Raises InsufficientCredit or Unavailable."""
        pool = self._pools.setdefault(member_id, Pool())
        deadline = asyncio.get_running_loop().time() + WAIT_FOR_REFUND_S
        while True:
            reservation = self._reserve_held(pool, nano)
            if reservation is not None:
                return reservation
            async with pool.lock:
                reservation = self._reserve_held(pool, nano)  # the one before us may have leased enough for both
                if reservation is not None:
                    return reservation
                pool.refunded.clear()
                try:
                    return await self._lease_and_reserve(pool, member_id, nano)
                except InsufficientCredit:
                    is_hopeless = not any(held.reserved_nano for held in pool.slices)
                    if is_hopeless or asyncio.get_running_loop().time() >= deadline:
                        raise
            await self._wait_for_refund(pool, deadline)

    @staticmethod
    async def _wait_for_refund(pool: Pool, deadline: float) -> None:
        remaining_s = max(0.0, deadline - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(remaining_s):
                await pool.refunded.wait()
        except TimeoutError:
            return

    def _reserve_held(self, pool: Pool, nano: int) -> Reservation | None:
        now = self._clock()
        for held in pool.slices:
            if held.free_nano >= nano and held.is_usable(now):
                return Reservation(pool, held, nano)
        return None

    async def _lease_and_reserve(self, pool: Pool, member_id: str, nano: int) -> Reservation:
        try:
            held = await self._lease(pool, member_id, nano)
        except InsufficientCredit:
            # What is left may lie in slices too small for this request: hand them in and ask for one that is not.
            if not await self._return_idle(pool):
                raise
            held = await self._lease(pool, member_id, nano)
        return Reservation(pool, held, nano)

    async def _lease(self, pool: Pool, member_id: str, nano: int) -> Slice:
        leased = await self._grid.lease(member_id, nano)
        held = Slice(leased.lease_id, int(leased.amount_nano), from_iso(leased.expires_at))
        assert held.amount_nano >= nano, "control leased less than the least"
        pool.slices.append(held)
        return held

    async def _return_idle(self, pool: Pool) -> int:
        """Hand in the slices on which nothing runs. Returns how many."""
        idle = [held for held in pool.slices if not held.reserved_nano]
        for held in idle:
            pool.slices.remove(held)  # first, so that nobody reserves on it while we wait for the answer
            await self._give_back(held)
        return len(idle)

    async def _give_back(self, held: Slice) -> None:
        try:
            await self._grid.give_back(held.lease_id, held.spent_nano)
        except CoopError as error:  # control takes it back by itself after the grace
            log.warning("slice_not_returned", lease=held.lease_id, reason=str(error))

    async def tidy(self) -> None:
        """Hand in slices that may not be used any more, and forget members without any."""
        now = self._clock()
        for member_id, pool in list(self._pools.items()):
            for held in [held for held in pool.slices if not held.is_usable(now) and not held.reserved_nano]:
                pool.slices.remove(held)
                await self._give_back(held)
            if not pool.slices and not pool.lock.locked() and len(self._pools) > MEMBERS_MAX:
                del self._pools[member_id]

    async def close(self) -> None:
        """Hand everything in."""
        for pool in self._pools.values():
            while pool.slices:
                await self._give_back(pool.slices.pop())
