"""Does a piece of work on this node: checks it against the policy again, runs it, signs and keeps its receipt.

The same job id twice gives the same receipt: while it runs both wait for one run, later the kept answer is sent again.
"""

import asyncio
from collections import OrderedDict

from coop.core.clock import iso, utc_now
from coop.core.errors import Conflict, Invalid, NotFound, Unavailable
from coop.core.money import cost_nano
from coop.core.signing import digest
from orchestrator.agent.journal import Journal, Kept
from orchestrator.agent.policies import PolicyStore
from orchestrator.agent.runtimes.child import RuntimeChild
from orchestrator.messages import JobResult, JobRun
from orchestrator.rules import receipts
from orchestrator.rules.identity import Identity
from orchestrator.rules.obedience import Obeyed
from orchestrator.rules.receipts import PolicyName, ReceiptBody

RUNNING_MAX = 32
RECENT_MAX = 64  # answers kept for a repeated request; each is below 1 MB
KIND = "embeddings"


class Worker:
    """Runs jobs. `models` maps the name of a model to the runtime that serves it."""

    def __init__(
        self, *, name: str, key: Identity, policies: PolicyStore, journal: Journal, models: dict[str, RuntimeChild]
    ) -> None:
        self._name = name
        self._key = key
        self._policies = policies
        self._journal = journal
        self._models = models
        self._recent: OrderedDict[str, tuple[str, JobResult]] = OrderedDict()
        self._running: dict[str, tuple[str, asyncio.Task[JobResult]]] = {}
        self.is_stopping = False
        self.new_receipt = asyncio.Event()

    @property
    def running(self) -> int:
        """Return how many jobs run now."""
        return len(self._running)

    def served(self) -> list[str]:
        """Return the models that answer now."""
        return [name for name, runtime in self._models.items() if runtime.is_ready]

    def is_accepting(self) -> bool:
        """Say whether any work would be taken now, as far as that is known without a job."""
        try:
            obeyed = self._policies.current(utc_now())
            self._journal.require_room()
        except Unavailable:
            return False
        if self.is_stopping:
            return False
        at = utc_now()
        return any(
            obeyed.compiled.refuse(model, obeyed.compiled.price_micro(model, True), at, True) is None
            for model in self.served()
        )

    async def run(self, job: JobRun) -> JobResult:
        """Run a job once. Raises PolicyRefused, Conflict, NotFound or Unavailable; then no receipt was made."""
        wanted = digest(job.model_dump(mode="json"))
        if job.id in self._running:
            known, task = self._running[job.id]
            self._require_same(known, wanted)
            return await asyncio.shield(task)
        if job.id in self._recent:
            known, result = self._recent[job.id]
            self._require_same(known, wanted)
            return result
        if len(self._running) >= RUNNING_MAX or self.is_stopping:
            raise Unavailable("job.too_busy")
        task = asyncio.create_task(self._run(job, wanted))
        self._running[job.id] = (wanted, task)
        task.add_done_callback(lambda _: self._running.pop(job.id, None))
        # Shielded: the asker may go away, but work that was begun ends with its receipt.
        return await asyncio.shield(task)

    @staticmethod
    def _require_same(known: str, wanted: str) -> None:
        if known != wanted:
            raise Conflict("job.other_content")

    def admit(self, job: JobRun) -> Obeyed:
        """Check a job against the policy in force, with the same rules as the gateway. Raises PolicyRefused."""
        now = utc_now()
        obeyed = self._policies.current(now)
        if job.kind != KIND:
            raise Invalid("job.kind_unknown", kind=job.kind)
        if job.model not in self._models:
            raise NotFound("job.model_not_served", model=job.model)
        obeyed.require_allowed(job.model, job.price_micro, now, is_member=job.is_member)
        price = obeyed.compiled.price_micro(job.model, job.is_member)
        if price != job.price_micro:
            raise Conflict("job.wrong_price", offered=job.price_micro, price=price)
        return obeyed

    async def _run(self, job: JobRun, wanted: str) -> JobResult:
        kept = self._journal.get(job.id)
        if kept is not None:
            self._require_same(kept.job_digest, wanted)
        obeyed = self.admit(job)
        self._journal.require_room()
        started_at = utc_now()
        answer = await self._models[job.model].ask({"inputs": job.inputs})
        if kept is None:
            kept = self._sign(job, obeyed, int(answer["tokens"]), iso(started_at), wanted)
            await asyncio.to_thread(self._journal.put, kept)
            self.new_receipt.set()
        result = JobResult(
            vectors=answer["vectors"],
            dimensions=answer["dimensions"],
            tokens=int(answer["tokens"]),
            receipt=kept.receipt,
            signature=kept.signature,
        )
        self._recent[job.id] = (wanted, result)
        while len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)
        return result

    def _sign(self, job: JobRun, obeyed: Obeyed, tokens: int, started_at: str, wanted: str) -> Kept:
        body = ReceiptBody(
            id=job.id,
            kind=job.kind,
            model=job.model,
            node=self._name,
            gateway=job.gateway,
            member_id=job.member_id,
            is_member=job.is_member,
            key_id=job.key_id,
            lease_id=job.lease_id,
            inputs=len(job.inputs),
            tokens=tokens,
            price_micro=str(job.price_micro),
            cost_nano=str(cost_nano(tokens, job.price_micro)),
            policy=PolicyName(epoch=obeyed.policy.epoch, version=obeyed.policy.version, digest=obeyed.policy.digest),
            started_at=started_at,
            finished_at=iso(utc_now()),
        )
        signature = self._key.sign(receipts.signed_bytes(body))
        return Kept(receipt=body.model_dump(mode="json"), signature=signature, job_digest=wanted)

    async def drain(self, timeout_s: float) -> None:
        """Take nothing new and wait for what runs, at most `timeout_s`."""
        self.is_stopping = True
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
