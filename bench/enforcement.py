"""From the commit of an enactment to the first refusal by the machine itself, asked directly past the gateway."""

import asyncio
import time
from datetime import timedelta

from sqlmodel import Session

from coop.core.actor import system
from coop.core.clock import utc_now
from coop.core.db import Database
from coop.core.errors import CoopError
from coop.core.ids import new_id
from coop.core.policy.bundle import ProposalName
from coop.core.policy.schema import apply_change
from coop.core.settings import Settings
from coop.services import policies
from coop.story.instance import Instance
from governance.demo import PRICE
from orchestrator.bus import Bus
from orchestrator.control.keys import GATEWAY, credentials_path
from orchestrator.control.nats_server import url
from orchestrator.messages import JobResult, JobRun
from orchestrator.subjects import Subjects

NODE = "barn-1"
WAIT_S = 10.0
OPEN: dict[str, object] | None = None


def closed_now() -> dict[str, object]:
    """Return an `hours` section whose one window was half a day ago."""
    now = utc_now()
    start = (now - timedelta(hours=12)).hour * 60
    return {
        "timezone": "UTC",
        "open": [{"days": [0, 1, 2, 3, 4, 5, 6], "from_minute": start, "until_minute": start + 60}],
    }


def _enact(session: Session, hours: dict[str, object] | None) -> None:
    """Enact other hours as a ballot's enactment would, without the ballot: only the way after it is measured."""
    document = apply_change(policies.document_of(policies.newest(session)), "hours", hours)
    name = ProposalName(id=new_id(), number=1, result_digest="0" * 64)
    policies.enact(session, document=document, proposal=name, actor=system("bench"), now=utc_now())


def _job() -> JobRun:
    zero = "0" * 32
    return JobRun(
        id=new_id(), model="wordllama-256", inputs=["Is the gate open?"], member_id=zero, key_id=zero, lease_id=zero,
        gateway=GATEWAY, price_micro=int(PRICE["default_micro"]),
    )  # fmt: skip


async def _ask(bus: Bus, subjects: Subjects) -> str:
    """Return `ok` or the code of the refusal."""
    try:
        await bus.request(subjects.job_run(NODE), _job(), JobResult, 5)
    except CoopError as error:
        return error.code
    return "ok"


async def _until(bus: Bus, subjects: Subjects, *, is_open: bool) -> float:
    started = time.perf_counter()
    while time.perf_counter() - started < WAIT_S:
        answer = await _ask(bus, subjects)
        if (answer == "ok") == is_open:
            return time.perf_counter() - started
    raise AssertionError(f"the machine still answers {answer!r} after {WAIT_S} s")


async def _measure(settings: Settings, rounds: int) -> float:
    database = Database(settings.database)
    subjects = Subjects(settings.instance)
    bus = await Bus.connect(
        url=url(settings), credentials=credentials_path(settings, GATEWAY), name=GATEWAY, timeout_s=5
    )
    worst = 0.0
    try:
        await _until(bus, subjects, is_open=True)
        for _ in range(rounds):
            with database.transaction() as session:
                _enact(session, closed_now())
            worst = max(worst, await _until(bus, subjects, is_open=False))
            with database.transaction() as session:
                _enact(session, OPEN)
            await _until(bus, subjects, is_open=True)
    finally:
        await bus.close()
        database.close()
    return worst


def worst_of(instance: Instance, rounds: int) -> float:
    """Return the worst of `rounds` enactments, in seconds."""
    settings = Settings(home=instance.home, port=instance.port, api_port=instance.api_port)
    return asyncio.run(_measure(settings, rounds))
