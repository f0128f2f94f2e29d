"""The agent's process: waits to be let in, stays connected, obeys the policy, works, and delivers its receipts.

It opens no port. Everything it hears is checked against what it pinned when it enrolled.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from coop.core.clock import utc_now
from coop.core.errors import CoopError, Forbidden, Invalid, NotFound, Tampered, Unavailable
from coop.core.sentences import sentence
from coop.core.settings import Settings
from orchestrator.agent.home import AgentHome
from orchestrator.agent.inventory import take_inventory
from orchestrator.agent.jobs import RUNNING_MAX, Worker
from orchestrator.agent.journal import Journal
from orchestrator.agent.policies import PolicyStore
from orchestrator.agent.portal import ask_state
from orchestrator.agent.runtimes import embed
from orchestrator.agent.runtimes.child import RuntimeChild
from orchestrator.bus import Bus
from orchestrator.messages import (
    CredentialRenew,
    CredentialRenewed,
    Done,
    Heartbeat,
    JobResult,
    JobRun,
    PolicyAnnounced,
    PolicyFetch,
    PolicyObeyed,
    ReceiptDeliver,
)
from orchestrator.rules import credentials
from orchestrator.subjects import Subjects

BEAT_EVERY_S = 1.0
INVENTORY_EVERY_BEATS = 300
POLICY_EVERY_S = 30.0
ASK_STATE_EVERY_S = 2.0
DELIVER_EVERY_S = 5.0
DELIVER_BATCH = 100
PAUSE_LEAST_S, PAUSE_MOST_S = 0.5, 30.0
RENEW_LEAST_S, RENEW_MOST_S = 30.0, 6 * 3600.0
DRAIN_WITHIN_S = 8.0
REFUSED_FOR_GOOD = (Tampered, Invalid, NotFound, Forbidden)

log = structlog.get_logger()


class Agent:
    """One node at work."""

    def __init__(self, home: AgentHome) -> None:
        self._home = home
        self._enrolled = home.enrolled()
        self._name = self._enrolled.name
        self._key = home.identity()
        self._subjects = Subjects(self._enrolled.instance)
        self._bus = Bus(url=self._enrolled.nats_url, credentials=home.credential_path, name=self._name)
        self._policies = PolicyStore(home.policy_path, self._enrolled.policy_keys, self._enrolled.instance)
        self._journal = Journal(home.journal_path)
        self._runtime = RuntimeChild(embed.__name__)
        self._worker = Worker(
            name=self._name,
            key=self._key,
            policies=self._policies,
            journal=self._journal,
            models={embed.MODEL: self._runtime},
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Raises Forbidden when this machine was revoked."""
        self._policies.load(utc_now())
        tasks: list[asyncio.Task[None]] = [
            asyncio.create_task(self._runtime.keep_running()),
            asyncio.create_task(self._work()),
        ]
        stopping = asyncio.create_task(_wait(stop))
        try:
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            await self._worker.drain(DRAIN_WITHIN_S)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in [*tasks, stopping]:
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
            await self._bus.close()

    async def _work(self) -> None:
        await self._wait_for_credential()
        await self._bus.serve(self._subjects.job_run(self._name), self._on_job, JobRun, concurrency=RUNNING_MAX)
        await self._bus.subscribe(self._subjects.policy_announced(), self._on_announced, PolicyAnnounced)
        self._bus.on_connected.append(self._on_connected)
        self._bus.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._deliver())
            group.create_task(self._renew())
            group.create_task(self._every(POLICY_EVERY_S, self._fetch_policy))

    # Credential -----------------------------------------------------------------------------------
    async def _wait_for_credential(self) -> None:
        while not self._home.credential_path.exists() and not await self._ask_portal():
            await asyncio.sleep(ASK_STATE_EVERY_S)

    async def _ask_portal(self) -> bool:
        """Ask the portal for our credential. Raises Forbidden when we were revoked."""
        try:
            answer = await asyncio.to_thread(ask_state, self._enrolled.portal_url, self._key)
        except CoopError as error:
            log.info("portal_not_reached", reason=sentence(error.code, error.values))
            return False
        if answer.get("state") == "revoked":
            raise Forbidden("agent.revoked")
        token = answer.get("credential")
        if isinstance(token, str) and token:
            await asyncio.to_thread(self._home.save_credential, token)
            return True
        return False

    async def _renew(self) -> None:
        """Renew the credential at half of what is left of it; over HTTP where the grid does not let us in any more."""
        while True:
            await asyncio.sleep(self._renew_in_s())
            ask = CredentialRenew(public_key=self._key.public_key)
            try:
                subject = self._subjects.credential_renew(self._name)
                renewed = await self._bus.request(subject, ask, CredentialRenewed)
                await asyncio.to_thread(self._home.save_credential, renewed.credential)
            except CoopError as error:
                log.info("not_renewed", reason=str(error))
                await self._ask_portal()

    def _renew_in_s(self) -> float:
        if not self._bus.is_connected:
            return RENEW_LEAST_S
        token = credentials.token_of(self._home.credential_path.read_text())
        end = credentials.expires_at(token)
        if end is None:
            return RENEW_MOST_S
        return min(RENEW_MOST_S, max(RENEW_LEAST_S, (end - utc_now()).total_seconds() / 2))

    # Policy ---------------------------------------------------------------------------------------
    async def _on_connected(self) -> None:
        self._worker.new_receipt.set()
        await self._fetch_policy()

    async def _fetch_policy(self) -> None:
        subject = self._subjects.policy_fetch(self._name)
        announced = await self._bus.request(subject, PolicyFetch(), PolicyAnnounced)
        await self._on_announced(self._name, announced)
        await self._say_obeyed()

    async def _on_announced(self, _sender: str, announced: PolicyAnnounced) -> None:
        if announced.bundle is None:
            return
        try:
            is_new = await asyncio.to_thread(self._policies.take, announced.bundle, utc_now())
        except CoopError as error:
            log.warning("policy_refused", reason=sentence(error.code, error.values), obeyed=self._policies.place)
            return
        if is_new:
            await self._say_obeyed()
            log.info("policy_obeyed", epoch=self._policies.place[0], version=self._policies.place[1])

    async def _say_obeyed(self) -> None:
        obeyed = self._policies.obeyed
        if obeyed is None:
            return
        epoch, version = obeyed.place
        said = PolicyObeyed(epoch=epoch, policy_version=version, digest=obeyed.policy.digest)
        await self._bus.publish(self._subjects.policy_obeyed(self._name), said)

    # Work -----------------------------------------------------------------------------------------
    async def _on_job(self, _sender: str, job: JobRun) -> JobResult:
        return await self._worker.run(job)

    async def _beat(self) -> None:
        beats = 0
        while True:
            epoch, version = self._policies.place
            beat = Heartbeat(
                epoch=epoch,
                policy_version=version,
                models=self._worker.served(),
                running=self._worker.running,
                journal=len(self._journal),
                is_accepting=self._worker.is_accepting(),
                inventory=take_inventory() if beats % INVENTORY_EVERY_BEATS == 0 else None,
            )
            try:
                await self._bus.publish(self._subjects.node_beat(self._name), beat)
                beats += 1
            except Unavailable:
                beats = 0  # whoever hears us next may know nothing of this machine
            await asyncio.sleep(BEAT_EVERY_S)

    async def _deliver(self) -> None:
        pause_s = PAUSE_LEAST_S
        while True:
            self._worker.new_receipt.clear()
            try:
                for receipt_id in self._journal.list_ids(DELIVER_BATCH):
                    await self._deliver_one(receipt_id)
                pause_s = PAUSE_LEAST_S
            except CoopError as error:
                log.info("receipts_wait", count=len(self._journal), reason=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_MOST_S)
                continue
            if len(self._journal) == 0:
                await self._wait_for_receipt()

    async def _wait_for_receipt(self) -> None:
        try:
            async with asyncio.timeout(DELIVER_EVERY_S):
                await self._worker.new_receipt.wait()
        except TimeoutError:
            return

    async def _deliver_one(self, receipt_id: str) -> None:
        kept = await asyncio.to_thread(self._journal.get, receipt_id)
        if kept is None:
            return
        message = ReceiptDeliver(receipt=kept.receipt, signature=kept.signature)
        try:
            await self._bus.request(self._subjects.receipt_deliver(self._name), message, Done)
        except REFUSED_FOR_GOOD as error:
            log.warning("receipt_refused", receipt=receipt_id, reason=sentence(error.code, error.values))
            await asyncio.to_thread(self._journal.set_aside, receipt_id)
            return
        await asyncio.to_thread(self._journal.remove, receipt_id)

    @staticmethod
    async def _every(seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await action()
            except CoopError as error:
                log.info("control_not_reached", reason=str(error))


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


async def _run(home: Path) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await Agent(AgentHome(home)).run(stop)
    except ExceptionGroup as group:
        revoked, rest = group.split(Forbidden)
        if revoked is None or rest is not None:
            raise
        log.warning("agent_stops", reason=sentence("agent.revoked", {}))
        return 1
    except (Forbidden, NotFound) as error:
        log.warning("agent_stops", reason=sentence(error.code, error.values))
        return 1
    return 0


def run(home: Path) -> int:
    """Run the agent of this folder until SIGTERM. Returns the exit code."""
    return asyncio.run(_run(home))


def run_local(settings: Settings) -> int:
    """Run the agent of this very machine."""
    return run(settings.agent_home)
