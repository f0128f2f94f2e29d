"""What a gateway asks of control, as an interface: the real one speaks NATS, tests may stand in for it."""

from typing import Protocol

from orchestrator.bus import Bus
from orchestrator.messages import (
    BudgetLeaseAsk,
    BudgetLeased,
    BudgetReturn,
    Done,
    FleetList,
    FleetListed,
    FleetNode,
    JobResult,
    JobRun,
    KeyResolve,
    KeyResolved,
    PolicyAnnounced,
    PolicyFetch,
    ReceiptCountersign,
)
from orchestrator.subjects import Subjects

ASK_WITHIN_S = 3.0
JOB_WITHIN_S = 22.0


class Grid(Protocol):
    """Control and the nodes, as a gateway uses them. Every method raises CoopError, Unavailable when nobody answers."""

    async def resolve(self, digest: str) -> KeyResolved:
        """Return what a key may do."""

    async def lease(self, member_id: str, least_nano: int) -> BudgetLeased:
        """Take a slice of a member's credit."""

    async def give_back(self, lease_id: str, spent_nano: int) -> None:
        """Return a slice."""

    async def list_fleet(self) -> list[FleetNode]:
        """Return the nodes that may get work."""

    async def fetch_policy(self) -> PolicyAnnounced:
        """Return the bundle in force."""

    async def countersign(self, message: ReceiptCountersign) -> None:
        """Hand in a countersignature; returns after control's commit."""

    async def run_job(self, node: str, job: JobRun) -> JobResult:
        """Let a node do a piece of work."""


class BusGrid:
    """The grid over NATS."""

    def __init__(self, bus: Bus, subjects: Subjects, name: str) -> None:
        self._bus = bus
        self._subjects = subjects
        self._name = name

    async def resolve(self, digest: str) -> KeyResolved:
        """Return what a key may do."""
        subject = self._subjects.key_resolve(self._name)
        return await self._bus.request(subject, KeyResolve(digest=digest), KeyResolved, timeout=ASK_WITHIN_S)

    async def lease(self, member_id: str, least_nano: int) -> BudgetLeased:
        """Take a slice of a member's credit."""
        subject = self._subjects.budget_lease(self._name)
        ask = BudgetLeaseAsk(member_id=member_id, least_nano=str(least_nano))
        return await self._bus.request(subject, ask, BudgetLeased, timeout=ASK_WITHIN_S)

    async def give_back(self, lease_id: str, spent_nano: int) -> None:
        """Return a slice."""
        subject = self._subjects.budget_return(self._name)
        message = BudgetReturn(lease_id=lease_id, spent_nano=str(spent_nano))
        await self._bus.request(subject, message, Done, timeout=ASK_WITHIN_S)

    async def list_fleet(self) -> list[FleetNode]:
        """Return the nodes that may get work."""
        subject = self._subjects.fleet_list(self._name)
        return (await self._bus.request(subject, FleetList(), FleetListed, timeout=ASK_WITHIN_S)).nodes

    async def fetch_policy(self) -> PolicyAnnounced:
        """Return the bundle in force."""
        subject = self._subjects.policy_fetch(self._name)
        return await self._bus.request(subject, PolicyFetch(), PolicyAnnounced, timeout=ASK_WITHIN_S)

    async def countersign(self, message: ReceiptCountersign) -> None:
        """Hand in a countersignature; returns after control's commit."""
        subject = self._subjects.receipt_countersign(self._name)
        await self._bus.request(subject, message, Done, timeout=ASK_WITHIN_S)

    async def run_job(self, node: str, job: JobRun) -> JobResult:
        """Let a node do a piece of work."""
        return await self._bus.request(self._subjects.job_run(node), job, JobResult, timeout=JOB_WITHIN_S)
