"""A request from its key to its answer: admit, reserve, place, run, check the receipt, settle. No HTTP here."""

import asyncio
from collections import Counter
from datetime import timedelta

import structlog

from coop.core.clock import from_iso, utc_now
from coop.core.errors import (
    Conflict,
    CoopError,
    Forbidden,
    NotFound,
    PolicyRefused,
    Tampered,
    Unavailable,
)
from coop.core.ids import new_id
from coop.core.money import cost_nano
from orchestrator.gateway.control import Grid
from orchestrator.gateway.countersigns import Countersigns
from orchestrator.gateway.keys import Keys
from orchestrator.gateway.pools import Pools, Reservation
from orchestrator.gateway.wire import EmbeddingsAsk
from orchestrator.messages import FleetNode, JobResult, JobRun, KeyResolved, PolicyAnnounced, ReceiptCountersign
from orchestrator.rules import placement, receipts
from orchestrator.rules.identity import Identity
from orchestrator.rules.obedience import LastGood, Obeyed
from orchestrator.rules.receipts import ReceiptBody

REQUEST_WITHIN_S = 25.0
FLEET_EVERY_S, FLEET_OLD_S = 1.0, 15.0
POLICY_EVERY_S = 10.0
TIDY_EVERY_S = 2.0
RUNNING_MAX = 256
KNOWN_MODELS_MAX = 1_000

log = structlog.get_logger()

CLOCK_SKEW = timedelta(minutes=5)
UNKNOWN_CODES = frozenset({"bus.timeout", "bus.lost"})  # the node may have done the work
WRONG_PRICE_CODE = "job.wrong_price"
NEWS_TRAVEL_S = 5.0  # how long after a new policy a node may still have admitted work under the one before
NODE_BEHIND_S = 0.5  # how long a request waits for a node that has not heard of the policy yet


class OutcomeUnknown(Unavailable):
    """A node was asked and did not answer in time: it may have done the work."""


class Gateway:
    """One gateway's state: keys, slices, the fleet and the policy as last heard. Filled by `keep_current`."""

    def __init__(self, *, name: str, grid: Grid, key: Identity, policy_keys: list[str], coop: str) -> None:
        self.name = name
        self._grid = grid
        self._key = key
        self.keys = Keys(grid)
        self.pools = Pools(grid)
        self.countersigns = Countersigns(grid)
        self.policy = LastGood(policy_keys, coop)
        self._before: tuple[tuple[int, int], float] = ((0, 0), 0.0)
        self._nodes: list[FleetNode] = []
        self._fleet_at = 0.0
        self._known_models: set[str] = set()
        self._running: Counter[str] = Counter()

    # What is heard of the grid --------------------------------------------------------------------
    async def refresh_fleet(self) -> None:
        """Ask for the fleet. Raises Unavailable."""
        self._nodes = await self._grid.list_fleet()
        self._fleet_at = asyncio.get_running_loop().time()
        if len(self._known_models) < KNOWN_MODELS_MAX:
            self._known_models.update(placement.list_models(self._nodes))

    async def refresh_policy(self) -> None:
        """Ask for the bundle in force. Raises Unavailable."""
        self.take_policy(await self._grid.fetch_policy())

    def take_policy(self, announced: PolicyAnnounced) -> None:
        """Obey an announced bundle; a bad or older one is logged and changes nothing."""
        if announced.bundle is None:
            return
        before = self.policy.place
        try:
            if self.policy.take(announced.bundle, utc_now()):
                self._before = (before, asyncio.get_running_loop().time())
        except CoopError as error:
            log.warning("policy_not_obeyed", reason=str(error))

    @property
    def is_fleet_fresh(self) -> bool:
        """Say whether control told of the fleet lately."""
        return asyncio.get_running_loop().time() - self._fleet_at < FLEET_OLD_S and self._fleet_at > 0

    def require_ready(self) -> Obeyed:
        """Return the policy when work can be admitted. Raises Unavailable saying what is missing."""
        try:
            return self.policy.current(utc_now())
        except Unavailable as error:
            raise Unavailable("api.no_policy") from error

    async def keep_current(self) -> None:
        """Keep fleet, policy and slices current until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(FLEET_EVERY_S, "fleet"))
            group.create_task(self._every(POLICY_EVERY_S, "policy"))
            group.create_task(self._every(TIDY_EVERY_S, "tidy"))
            group.create_task(self.countersigns.deliver())

    async def _every(self, seconds: float, what: str) -> None:
        action = {"fleet": self.refresh_fleet, "policy": self.refresh_policy, "tidy": self.pools.tidy}[what]
        while True:
            try:
                await action()
            except CoopError as error:
                log.info("control_not_reached", what=what, reason=str(error))
            is_early = what == "policy" and self.policy.obeyed is None
            await asyncio.sleep(min(seconds, 0.2) if is_early else seconds)

    def list_models(self, key: KeyResolved) -> list[str]:
        """Return the models served now that the key may use."""
        return [name for name in placement.list_models(self._nodes) if not key.models or name in key.models]

    # One request ----------------------------------------------------------------------------------
    async def embed(self, key: KeyResolved, ask: EmbeddingsAsk) -> JobResult:
        """Serve one embeddings request. Raises the error that names what is in the way; then nothing is charged.

        A price that a vote changed while the request was on its way costs one more try, at the new price.
        """
        place = self.policy.place
        try:
            return await self._embed(key, ask)
        except Conflict as error:
            log.info("price_changed_on_the_way", reason=str(error))
        await self.refresh_policy()
        if self.policy.place == place:
            await asyncio.sleep(NODE_BEHIND_S)
        try:
            return await self._embed(key, ask)
        except Conflict as error:
            raise Unavailable("api.no_node") from error

    async def _embed(self, key: KeyResolved, ask: EmbeddingsAsk) -> JobResult:
        """Try once. Raises Conflict when the nodes say that another price is in force."""
        if self._running.total() >= RUNNING_MAX:
            raise Unavailable("api.busy")
        obeyed, nodes, price = self._admit(key, ask)
        most = cost_nano(receipts.tokens_at_most(ask.inputs), price)
        reservation = await self.pools.reserve(key.member_id, most)
        job = JobRun(
            id=new_id(),
            model=ask.model,
            inputs=ask.inputs,
            member_id=key.member_id,
            key_id=key.key_id,
            lease_id=reservation.lease_id,
            gateway=self.name,
            price_micro=price,
        )
        return await self._run_and_settle(job, nodes, obeyed, reservation)

    def _admit(self, key: KeyResolved, ask: EmbeddingsAsk) -> tuple[Obeyed, list[FleetNode], int]:
        obeyed = self.require_ready()
        if not self.is_fleet_fresh:
            raise Unavailable("api.no_grid", retry_after_s=2)
        if key.models and ask.model not in key.models:
            raise Forbidden("key.model_not_allowed", model=ask.model)
        served = placement.list_models(self._nodes)
        if ask.model not in served and ask.model not in self._known_models and served:
            raise NotFound("api.model_unknown", model=ask.model, param="model")
        price = obeyed.compiled.price_micro(ask.model, True)
        obeyed.require_allowed(ask.model, price, utc_now(), is_member=True)
        nodes = placement.choose(self._nodes, ask.model, self._running)
        if not nodes:
            raise Unavailable("api.no_node")
        return obeyed, nodes, price

    async def _run_and_settle(
        self, job: JobRun, nodes: list[FleetNode], obeyed: Obeyed, reservation: Reservation
    ) -> JobResult:
        try:
            async with asyncio.timeout(REQUEST_WITHIN_S):
                node, result = await self._run_on_first(job, nodes)
        except (OutcomeUnknown, TimeoutError, asyncio.CancelledError) as error:
            reservation.keep()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise Unavailable("api.no_node") from error
        except CoopError:
            reservation.release()
            raise
        try:
            body = self._check_receipt(job, node, result, reservation, obeyed)
        except Tampered:
            reservation.keep()
            raise
        reservation.settle(body.cost)
        self._countersign(result, body)
        return result

    async def _run_on_first(self, job: JobRun, nodes: list[FleetNode]) -> tuple[FleetNode, JobResult]:
        """Try one node after the other, as long as each clearly did nothing. Raises what the last one said."""
        last: CoopError = Unavailable("api.no_node")
        for node in nodes:
            self._running[node.name] += 1
            try:
                return node, await self._grid.run_job(node.name, job)
            except PolicyRefused:
                raise
            except Unavailable as error:
                if error.code in UNKNOWN_CODES:
                    raise OutcomeUnknown(error.code) from error
                last = error
            except (Conflict, NotFound) as error:  # its policy or its models are newer than ours
                last = error if error.code == WRONG_PRICE_CODE else Unavailable("api.no_node")
                log.info("node_refused", node=node.name, reason=str(error))
            finally:
                self._running[node.name] -= 1
        raise last

    def _check_receipt(
        self, job: JobRun, node: FleetNode, result: JobResult, reservation: Reservation, obeyed: Obeyed
    ) -> ReceiptBody:
        """Check that the receipt is the node's, for this job, and within what was reserved. Raises Tampered."""
        body = receipts.read(result.receipt)
        receipts.check(body, node_key=node.public_key, signature=result.signature)
        before, changed_at = self._before
        is_news = asyncio.get_running_loop().time() - changed_at < NEWS_TRAVEL_S
        oldest = min(before, obeyed.place) if is_news and before != (0, 0) else obeyed.place
        ordered = (job.id, job.kind, job.model, job.member_id, job.key_id, job.lease_id, job.gateway, node.name)
        stated = (
            body.id,
            body.kind,
            body.model,
            body.member_id,
            body.key_id,
            body.lease_id,
            body.gateway,
            body.node,
        )
        is_as_ordered = (
            ordered == stated
            and body.tokens == result.tokens
            and len(result.vectors) == len(job.inputs) == body.inputs
            and int(body.price_micro) == job.price_micro
            and body.cost <= reservation.nano
            and (body.policy.epoch, body.policy.version) >= oldest
            and abs(from_iso(body.finished_at) - utc_now()) < CLOCK_SKEW
        )
        if not is_as_ordered:
            raise Tampered("receipt.not_as_reserved", receipt=body.id)
        return body

    def _countersign(self, result: JobResult, body: ReceiptBody) -> None:
        self.countersigns.put(
            ReceiptCountersign(
                receipt=result.receipt,
                node_signature=result.signature,
                gateway_signature=self._key.sign(receipts.signed_bytes(body)),
            )
        )

    async def close(self) -> None:
        """Hand in countersignatures and slices, as far as control answers."""
        try:
            await self.countersigns.send_all()
        except Unavailable as error:
            log.warning("countersignatures_lost", count=len(self.countersigns), reason=str(error))
        await self.pools.close()
