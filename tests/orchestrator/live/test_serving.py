"""The chain on real processes, in order: a machine joins, is let in, obeys, serves, is paid, is refused, is revoked."""

import asyncio
import base64
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx2
import openai
import psutil
import pytest
from sqlmodel import func, select

from coop.core.actor import Actor, system
from coop.core.clock import utc_now
from coop.core.errors import PolicyRefused, Unavailable
from coop.core.ids import new_id
from coop.core.policy.bundle import ProposalName
from coop.core.policy.schema import FOUNDING_POLICY, Hours, PolicyDocument, Window
from coop.models.credits import Contribution, CreditBalance
from coop.services import policies
from orchestrator.bus import Bus
from orchestrator.control.keys import credentials_path
from orchestrator.messages import JobResult, JobRun
from orchestrator.models.keys import BudgetLease, Receipt
from orchestrator.models.nodes import Node
from orchestrator.services import keys, nodes
from orchestrator.subjects import Subjects
from tests.grid import CREDIT_NANO, GUL

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("serving")]
TEXTS = ["the sun feeds the valley", "die Sonne", "日光"]


def until(condition: Any, what: str, within_s: float = 25.0) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s} s: {what}")


def receipts_of(live: Any, state: str | None = None) -> int:
    with live.database.reading() as session:
        statement = select(func.count()).select_from(Receipt)
        return session.exec(statement if state is None else statement.where(Receipt.state == state)).one()


def closed_now() -> PolicyDocument:
    """A policy whose hours are one minute, twelve hours from now."""
    at = utc_now() + timedelta(hours=12)
    minute = at.hour * 60 + at.minute
    window = Window(days=list(range(7)), from_minute=minute, until_minute=minute + 1)
    return PolicyDocument(price=FOUNDING_POLICY.price, hours=Hours(timezone="UTC", open=[window]))


def enact(live: Any, document: PolicyDocument) -> tuple[int, int]:
    with live.database.transaction() as session:
        proposal = ProposalName(id=new_id(), number=7, result_digest="a" * 64)
        row = policies.enact(session, document=document, proposal=proposal, actor=system("test"), now=utc_now())
        return row.epoch, row.version


async def refused_directly(live: Any, within_s: float) -> tuple[PolicyRefused, float]:
    """Send jobs straight to the machine until it refuses one; return why, and when it did."""
    bus = await Bus.connect(
        url=live.settings.grid_url,
        credentials=credentials_path(live.settings, "gateway-1"),
        name="gateway-1",
        timeout_s=5,
    )
    subject = Subjects(live.settings.instance).job_run("barn-2")
    deadline = time.monotonic() + within_s
    try:
        while time.monotonic() < deadline:
            job = JobRun(
                id=new_id(), model="wordllama-256", inputs=["x"], member_id="m", key_id="k", lease_id="l",
                gateway="gateway-1", price_micro=20_000,
            )  # fmt: skip
            try:
                await bus.request(subject, job, JobResult, timeout=10)
            except PolicyRefused as error:
                return error, time.monotonic()
            except Unavailable:  # not back yet
                pass
            await asyncio.sleep(0.1)  # each job that is still taken costs control a refused receipt
        raise AssertionError("the machine never refused")
    finally:
        await bus.close()


def machine_joins_waits_is_let_in_and_serves(live: Any) -> None:
    until(live.settings.roots_path.exists, "control wrote the roots")
    code = live.make_code("barn-2")
    command = [sys.executable, "-m", "coop.cli", "node", "enrol", code]
    enrolled = subprocess.run(command, env=live.environment, capture_output=True, text=True, check=False)
    assert enrolled.returncode == 0, enrolled.stdout + enrolled.stderr
    again = subprocess.run(
        [*command, "--home", str(live.settings.home / "other")], env=live.environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert again.returncode != 0
    assert "works once" in again.stderr
    assert live.node_state("barn-2") == "waiting"
    live.start("agent")
    with live.database.transaction() as session:
        node = nodes.get_by_name(session, "barn-2")
        nodes.approve(session, node_id=node.id, actor=GUL, now=utc_now())
    until(live.ready, "the gateway is ready")
    until(live.is_served, "the model is served")
    with live.database.reading() as session:
        assert nodes.get_by_name(session, "barn-2").inventory["cpu_count"]


def unmodified_openai_client_gets_real_vectors(live: Any) -> None:
    client = openai.OpenAI(base_url=f"{live.address}/v1", api_key=live.grid.secret, max_retries=0)
    assert [model.id for model in client.models.list()] == ["wordllama-256"]
    default = client.embeddings.create(model="wordllama-256", input=TEXTS)
    floats = client.embeddings.create(model="wordllama-256", input=TEXTS, encoding_format="float")
    assert [len(item.embedding) for item in default.data] == [256] * 3
    assert default.data[1].embedding == pytest.approx(floats.data[1].embedding)
    assert sum(x * x for x in default.data[0].embedding) == pytest.approx(1, abs=1e-5)
    raw = live.ask(body={"model": "wordllama-256", "input": TEXTS[0], "encoding_format": "base64"}).json()
    packed = base64.b64decode(raw["data"][0]["embedding"])
    assert list(struct.unpack("<256f", packed)) == pytest.approx(default.data[0].embedding)
    assert default.usage.prompt_tokens == default.usage.total_tokens > 3
    client.close()
    until(lambda: receipts_of(live, "complete") == 3, "three receipts with both signatures")
    with live.database.reading() as session:
        booked = session.exec(select(Contribution)).all()
    assert len(booked) == 3
    assert {row.provider_id for row in booked} == {live.grid.owner_id}


def idle_agent_takes_little_of_the_machine(live: Any) -> None:
    agent = psutil.Process(live.processes["agent"].pid)
    before, started = agent.cpu_times(), time.monotonic()
    time.sleep(4)
    after = agent.cpu_times()
    share = (after.user + after.system - before.user - before.system) / (time.monotonic() - started)
    memory_mb = agent.memory_info().rss / 1_000_000
    print(f"agent idle: {memory_mb:.1f} MB, {share:.2%} of a core")
    assert memory_mb < 80
    assert share < 0.05  # the promise is 1 %; on a shared machine the clock of a busy core runs coarse


BAD: list[tuple[Any, int, str]] = [
    (b"", 400, "api.not_json"),
    (b"[]", 400, "api.not_json"),
    (b"{" * 5_000, 400, "api.not_json"),
    ({"input": "x"}, 400, "api.field_needed"),
    ({"model": "wordllama-256"}, 400, "api.input_empty"),
    ({"model": "wordllama-256", "input": []}, 400, "api.input_empty"),
    ({"model": "wordllama-256", "input": [""]}, 400, "api.input_empty"),
    ({"model": "wordllama-256", "input": [1, 2]}, 400, "api.input_empty"),
    ({"model": "wordllama-256", "input": ["x"] * 513}, 400, "api.input_empty"),
    ({"model": "wordllama-256", "input": "x" * 32_769}, 400, "api.input_too_long"),
    (b'{"model": "wordllama-256", "input": "\\ud800"}', 400, "api.input_not_text"),
    ({"model": "wordllama-256", "input": "x", "dimensions": 64}, 400, "api.dimensions"),
    ({"model": "wordllama-256", "input": "x", "encoding_format": "hex"}, 400, "api.encoding"),
    ({"model": "gpt-9", "input": "x"}, 404, "api.model_unknown"),
    ({"model": "wordllama-256", "input": ["x" * 32_000] * 50}, 413, "message.too_large"),
]


def bad_requests_get_a_clear_answer_and_cost_nothing(live: Any) -> None:
    for body, status, code in BAD:
        before = receipts_of(live)
        found = live.ask(body=body)
        error = found.json()["error"]
        assert (found.status_code, error["code"]) == (status, code)
        assert len(error["message"]) > 20
        assert set(error) >= {"message", "type", "code", "param"}
        assert receipts_of(live) == before


def fifty_megabytes_are_refused_without_being_read(live: Any) -> None:
    started = time.monotonic()
    try:
        found = live.ask(body=b'{"input": "' + b"x" * 50_000_000)
    except httpx2.HTTPError:  # the gateway hung up while we were still sending
        return
    finally:
        assert time.monotonic() - started < 5
    assert (found.status_code, found.json()["error"]["code"]) == (413, "api.body_too_large")


def strangers_and_wrong_paths_get_a_clear_answer(live: Any) -> None:
    assert live.ask(secret=None).json()["error"]["code"] == "key.missing"
    assert live.ask(secret="sk-123").status_code == 401
    unknown = live.ask(secret="alm_" + "x" * 43)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (401, "key.unknown_secret")
    assert live.ask("/v1/chat/completions").json()["error"]["code"] == "api.no_such_path"
    assert httpx2.get(f"{live.address}/v1/embeddings", timeout=5).status_code == 405
    assert "gateway_requests_total" in httpx2.get(f"{live.address}/metrics", timeout=5).text
    assert httpx2.get(f"{live.address}/livez", timeout=5).text == "ok\n"


def member_without_credit_is_told_so(live: Any) -> None:
    with live.database.transaction() as session:
        poor = Actor(label="Gul", member_id=live.grid.owner_id)
        secret = keys.create(session, actor=poor, name="poor", now=utc_now()).secret
    found = live.ask(secret=secret)
    assert (found.status_code, found.json()["error"]["type"]) == (402, "insufficient_quota")


def revoked_key_is_refused_within_seconds(live: Any) -> None:
    with live.database.transaction() as session:
        made = keys.create(session, actor=live.grid.ada, name="short", now=utc_now())
    assert live.ask(secret=made.secret).status_code == 200
    with live.database.transaction() as session:
        keys.revoke(session, key_id=made.key.id, actor=live.grid.ada, now=utc_now())
    until(lambda: live.ask(secret=made.secret).status_code == 401, "the key is refused", 8)


def hundred_requests_at_once_spend_exactly_what_their_receipts_say(live: Any) -> None:
    with ThreadPoolExecutor(25) as pool:
        statuses = [found.status_code for found in pool.map(lambda _: live.ask(), range(100))]
    assert statuses == [200] * 100
    until(lambda: receipts_of(live, "half") == 0, "all receipts have both signatures")
    with live.database.reading() as session:
        balance = session.get(CreditBalance, live.grid.member_id)
        assert balance is not None
        leases = session.exec(select(BudgetLease).where(BudgetLease.member_id == live.grid.member_id)).all()
        used = sum(session.exec(select(Contribution.cost_nano)).all())
    assert used == sum(row.settled_nano for row in leases)
    held = sum(row.amount_nano - row.returned_nano - row.settled_nano for row in leases)
    assert balance.available_nano + held + used == CREDIT_NANO


def enacted_hours_refuse_at_the_gateway_and_at_the_machine_itself(live: Any) -> None:
    place = enact(live, closed_now())
    committed = time.monotonic()

    error, refused_at = asyncio.run(refused_directly(live, 20))
    assert (error.values["clause"], error.values["ballot"]) == ("hours.open", 7)
    assert refused_at - committed < 15  # the promise of 1 s is measured by bench; here other tests use the machine too
    found = until(lambda: (answer := live.ask()).status_code == 403 and answer, "the gateway refuses")
    assert found.json()["error"]["policy"]["clause"] == "hours.open"
    assert found.json()["error"]["policy"]["ballot"] == 7
    assert "7" in found.json()["error"]["message"]

    def obeyed() -> bool:
        with live.database.reading() as session:
            node = nodes.get_by_name(session, "barn-2")
            return (node.policy_epoch, node.policy_version) == place

    until(obeyed, "the census knows")


def killed_agent_obeys_the_last_policy_again_without_control(live: Any) -> None:
    live.stop("control", 9)
    live.stop("agent", 9)
    live.start("agent")

    asyncio.run(refused_directly(live, 25))
    live.start("control")
    enact(live, FOUNDING_POLICY)
    until(lambda: live.ask().status_code == 200, "served again under the new policy")


def stopped_nats_is_answered_and_nothing_is_lost(live: Any) -> None:
    before = receipts_of(live)
    live.stop("nats", 9)
    found = until(lambda: (answer := live.ask()).status_code == 503 and answer, "503 without NATS")
    assert int(found.headers["retry-after"]) > 0
    assert httpx2.get(f"{live.address}/livez", timeout=5).status_code == 200
    live.start_nats()
    until(lambda: live.ask().status_code == 200, "served again")
    until(lambda: receipts_of(live, "complete") >= before + 1, "its receipt is in")


def gateway_hands_its_slices_in_when_it_stops(live: Any) -> None:
    assert live.ask().status_code == 200
    assert live.stop("gateway") == 0
    with live.database.reading() as session:
        newest = session.exec(select(BudgetLease).order_by(BudgetLease.id.desc())).first()  # type: ignore[attr-defined]
    assert newest.state == "closed"
    assert newest.amount_nano == newest.settled_nano + newest.returned_nano


def revoked_machine_is_cut_off_and_stops(live: Any) -> None:
    with live.database.transaction() as session:
        node = session.exec(select(Node).where(Node.name == "barn-2")).one()
        nodes.revoke(session, node_id=node.id, actor=GUL, now=utc_now())
    with live.database.reading() as session:
        assert nodes.census(session, utc_now()).nodes == 1
    seen = node.seen_at
    time.sleep(3.5)
    with live.database.reading() as session:
        assert session.exec(select(Node.seen_at).where(Node.name == "barn-2")).one() == seen


def test_grid_of_real_processes(live: Any) -> None:
    """One test, for each step starts from where the one before left the grid; the last line printed names the step."""
    for step in (
        machine_joins_waits_is_let_in_and_serves,
        unmodified_openai_client_gets_real_vectors,
        idle_agent_takes_little_of_the_machine,
        bad_requests_get_a_clear_answer_and_cost_nothing,
        fifty_megabytes_are_refused_without_being_read,
        strangers_and_wrong_paths_get_a_clear_answer,
        member_without_credit_is_told_so,
        revoked_key_is_refused_within_seconds,
        hundred_requests_at_once_spend_exactly_what_their_receipts_say,
        enacted_hours_refuse_at_the_gateway_and_at_the_machine_itself,
        killed_agent_obeys_the_last_policy_again_without_control,
        stopped_nats_is_answered_and_nothing_is_lost,
        gateway_hands_its_slices_in_when_it_stops,
        revoked_machine_is_cut_off_and_stops,
    ):
        print(f"step: {step.__name__}")
        step(live)
