"""The agent's parts without a grid: journal, policy store, runtime child, worker, enrolment's files."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coop.core.clock import utc_now
from coop.core.errors import Conflict, CoopError, NotFound, PolicyRefused, Tampered, Unavailable
from coop.core.ids import new_id
from coop.core.policy.bundle import build, sign
from coop.core.policy.schema import FOUNDING_POLICY, Hours, PolicyDocument, Window
from coop.core.signing import SigningKey
from orchestrator.agent import enrol as enrolment
from orchestrator.agent import journal as journals
from orchestrator.agent.home import AgentHome
from orchestrator.agent.jobs import Worker
from orchestrator.agent.journal import Journal, Kept
from orchestrator.agent.policies import PolicyStore
from orchestrator.agent.runtimes import embed
from orchestrator.agent.runtimes.child import RuntimeChild
from orchestrator.messages import JobRun
from orchestrator.rules import receipts, roots
from orchestrator.rules.identity import Identity, new_seed

COOP = "0a1b2c3d"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
# Open for one minute on Monday morning; NOW, and nearly every other moment, is outside.
CLOSED = PolicyDocument(
    price=FOUNDING_POLICY.price,
    hours=Hours(timezone="UTC", open=[Window(days=[0], from_minute=0, until_minute=1)]),
)


def bundle(
    key: SigningKey, version: int, *, document: PolicyDocument = FOUNDING_POLICY, now: datetime = NOW, days: int = 30,
    coop: str = COOP,
) -> dict[str, Any]:  # fmt: skip
    unsigned = build(
        document, coop=coop, epoch=1, version=version, valid_from=now - timedelta(seconds=1),
        expires_at=now + timedelta(days=days), proposal=None,
    )  # fmt: skip
    return sign(unsigned, key)


# Journal ------------------------------------------------------------------------------------------
def kept(receipt_id: str) -> Kept:
    return Kept(receipt={"id": receipt_id}, signature="s", job_digest="d")


def test_journal_keeps_receipts_over_a_restart_and_ignores_half_written_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.put(kept("b"))
    journal.put(kept("a"))
    (tmp_path / "c.json.new").write_text('{"rec')
    again = Journal(tmp_path)
    assert again.list_ids(9) == ["a", "b"]
    assert again.get("a") == kept("a")
    again.remove("a")
    again.set_aside("b")
    assert len(Journal(tmp_path)) == 0
    assert (tmp_path / "refused" / "b.json").exists()


def test_full_journal_takes_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "RECEIPTS_MAX", 1)
    journal = Journal(tmp_path)
    journal.require_room()
    journal.put(kept("a"))
    with pytest.raises(Unavailable):
        journal.require_room()


WRITER = """
import sys
from pathlib import Path
from orchestrator.agent.journal import Journal, Kept
journal = Journal(Path(sys.argv[1]))
for number in range(100_000):
    journal.put(Kept(receipt={"id": f"{number:08}", "pad": "x" * 500}, signature="s", job_digest="d"))
    sys.stdout.write(f"{number:08}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("after", [1, 7, 40])
def test_killed_writer_loses_no_receipt_it_had_acknowledged(tmp_path: Path, after: int) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    seen = [writer.stdout.readline().strip() for _ in range(after)]
    writer.send_signal(signal.SIGKILL)
    seen += writer.stdout.read().split()
    writer.stdout.close()
    writer.wait()
    journal = Journal(tmp_path)
    assert set(seen) <= set(journal.list_ids(100_000))
    for receipt_id in journal.list_ids(100_000):
        found = journal.get(receipt_id)
        assert found is not None
        assert found.receipt["id"] == receipt_id


# Policy store -------------------------------------------------------------------------------------
def attacks(key: SigningKey) -> list[tuple[str, Callable[[], dict[str, Any]]]]:
    good = bundle(key, 2)
    return [
        ("older", lambda: bundle(key, 1)),
        ("stranger's", lambda: bundle(SigningKey.generate(), 3)),
        ("expired", lambda: bundle(key, 3, now=NOW - timedelta(days=60))),
        ("unsigned", lambda: {name: value for name, value in bundle(key, 3).items() if name != "signature"}),
        ("altered", lambda: {**bundle(key, 3), "policy_version": 4}),
        ("with a field more", lambda: {**bundle(key, 3), "extra": 1}),
        ("truncated", lambda: dict(list(good.items())[:3])),
        ("another co-op's", lambda: bundle(key, 3, coop="ffffffff")),
        ("same place, other content", lambda: bundle(key, 2, document=CLOSED)),
        ("empty", dict),
    ]


def test_bad_bundles_are_refused_and_the_last_good_one_stays(tmp_path: Path) -> None:
    key = SigningKey.generate()
    store = PolicyStore(tmp_path / "policy.json", [key.key_id], COOP)
    with pytest.raises(Unavailable):
        store.current(NOW)
    assert store.take(bundle(key, 2), NOW)
    assert not store.take(bundle(key, 2), NOW)
    on_disk = (tmp_path / "policy.json").read_bytes()
    for name, make in attacks(key):
        with pytest.raises((Tampered, Conflict)):
            store.take(make(), NOW)
        assert store.place == (1, 2), name
        assert (tmp_path / "policy.json").read_bytes() == on_disk, name
    again = PolicyStore(tmp_path / "policy.json", [key.key_id], COOP)
    again.load(NOW)
    assert again.current(NOW).place == (1, 2)


def test_expired_policy_allows_nothing_and_still_bars_older_ones_after_a_restart(tmp_path: Path) -> None:
    key = SigningKey.generate()
    store = PolicyStore(tmp_path / "policy.json", [key.key_id], COOP)
    store.take(bundle(key, 5, days=1), NOW)
    later = NOW + timedelta(days=2)
    again = PolicyStore(tmp_path / "policy.json", [key.key_id], COOP)
    again.load(later)
    for held in (store, again):
        with pytest.raises(Unavailable):
            held.current(later)
        with pytest.raises(Conflict):
            held.take(bundle(key, 4), later)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 1}', b"\xff\xfe"])
def test_broken_file_is_not_obeyed_and_stops_nothing(tmp_path: Path, content: bytes) -> None:
    key = SigningKey.generate()
    path = tmp_path / "policy.json"
    path.write_bytes(content)
    store = PolicyStore(path, [key.key_id], COOP)
    store.load(NOW)
    assert store.place == (0, 0)
    assert store.take(bundle(key, 1), NOW)


# Worker and runtime -------------------------------------------------------------------------------
@asynccontextmanager
async def at_work(
    folder: Path, document: PolicyDocument = FOUNDING_POLICY
) -> AsyncIterator[tuple[Worker, RuntimeChild]]:
    key = SigningKey.generate()
    store = PolicyStore(folder / "policy.json", [key.key_id], COOP)
    store.take(bundle(key, 1, document=document, now=utc_now()), utc_now())
    runtime = RuntimeChild(embed.__name__)
    keeping = asyncio.create_task(runtime.keep_running())
    try:
        await runtime.wait_ready()
        worker = Worker(
            name="barn-1", key=Identity(new_seed()), policies=store, journal=Journal(folder / "journal"),
            models={embed.MODEL: runtime},
        )  # fmt: skip
        yield worker, runtime
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def job(**changes: Any) -> JobRun:
    values: dict[str, Any] = {
        "id": new_id(), "model": embed.MODEL, "inputs": ["the sun feeds the valley"], "member_id": "m", "key_id": "k",
        "lease_id": "l", "gateway": "gateway-1", "price_micro": 20_000,
    }  # fmt: skip
    return JobRun.model_validate({**values, **changes})


def test_same_job_gives_the_same_receipt_at_once_later_and_from_the_journal(tmp_path: Path) -> None:
    async def play() -> None:
        async with at_work(tmp_path) as (worker, _):
            asked = job()
            first, second = await asyncio.gather(worker.run(asked), worker.run(asked))
            third = await worker.run(asked)
            worker._recent.clear()
            fourth = await worker.run(asked)
            assert first == second == third == fourth
            assert len(Journal(tmp_path / "journal")) == 1
            receipts.check(receipts.read(first.receipt), node_key=worker._key.public_key, signature=first.signature)
            with pytest.raises(Conflict):
                await worker.run(job(id=asked.id, inputs=["other"]))

    asyncio.run(play())


def test_node_refuses_by_itself_what_the_policy_forbids(tmp_path: Path) -> None:
    async def play() -> None:
        async with at_work(tmp_path, CLOSED) as (worker, _):
            with pytest.raises(PolicyRefused) as caught:
                await worker.run(job())
            assert caught.value.values["clause"] == "hours.open"
            assert not worker.is_accepting()

    asyncio.run(play())


def test_node_refuses_a_wrong_price_an_unknown_model_and_leaves_no_receipt(tmp_path: Path) -> None:
    async def play() -> None:
        async with at_work(tmp_path) as (worker, _):
            for changes, error in (
                ({"price_micro": 19_999}, Conflict),
                ({"price_micro": 1}, PolicyRefused),
                ({"model": "gpt-9"}, NotFound),
                ({"kind": "chat"}, CoopError),
            ):
                with pytest.raises(error):
                    await worker.run(job(**changes))
            assert len(Journal(tmp_path / "journal")) == 0
            assert worker.running == 0

    asyncio.run(play())


def test_killed_runtime_is_started_again(tmp_path: Path) -> None:
    async def play() -> None:
        async with at_work(tmp_path) as (worker, runtime):
            assert runtime.pid is not None
            os.kill(runtime.pid, signal.SIGKILL)
            deadline = time.monotonic() + 20
            while True:
                try:
                    await worker.run(job())
                    break
                except Unavailable:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)

    asyncio.run(play())


def test_runtime_ends_with_its_agent() -> None:
    code = (
        "import asyncio, sys\n"
        "from orchestrator.agent.runtimes.child import RuntimeChild\n"
        "async def main():\n"
        "    child = RuntimeChild('orchestrator.agent.runtimes.embed')\n"
        "    task = asyncio.create_task(child.keep_running())\n"
        "    await child.wait_ready()\n"
        "    print(child.pid, flush=True)\n"
        "    await task\n"
        "asyncio.run(main())\n"
    )
    agent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert agent.stdout is not None
    pid = int(agent.stdout.readline())
    agent.kill()
    agent.wait()
    agent.stdout.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/status").exists():
        if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Enrolment ----------------------------------------------------------------------------------------
TRUSTED = {"coop": COOP, "policy_keys": ["k"], "log_keys": ["l"]}


def test_enrolment_pins_the_roots_and_keeps_its_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any] | None] = []

    def ask(address: str, *, body: dict[str, Any] | None = None, authorization: str = "") -> dict[str, Any]:
        sent.append(body)
        return {"node": "barn-1", "trust_roots": TRUSTED, "nats_url": "nats://x", "state": "waiting"}

    monkeypatch.setattr(enrolment, "ask", ask)
    home = AgentHome(tmp_path / "agent")
    enrolled = enrolment.enrol(home.folder, "http://portal/", f"SECRET.{roots.fingerprint(TRUSTED)}")
    assert (enrolled.name, enrolled.policy_keys, enrolled.portal_url) == ("barn-1", ["k"], "http://portal")
    assert home.enrolled() == enrolled
    seed = home.seed_path.read_text().strip()
    assert seed not in json.dumps(sent)
    assert home.seed_path.stat().st_mode & 0o777 == 0o600
    assert sent[1] is not None
    assert sent[1]["public_key"] == home.identity().public_key


def test_code_is_not_used_where_another_coop_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def ask(address: str, *, body: dict[str, Any] | None = None, authorization: str = "") -> dict[str, Any]:
        sent.append(address)
        assert body is None, "the secret was sent to a stranger"
        return {"trust_roots": TRUSTED, "nats_url": "nats://x"}

    monkeypatch.setattr(enrolment, "ask", ask)
    with pytest.raises(Tampered):
        enrolment.enrol(tmp_path, "http://portal", "SECRET.0123456789abcdef")
    assert len(sent) == 1


@pytest.mark.parametrize("code", ["", "SECRET", "SECRET.", ".0123456789abcdef", "SECRET.short"])
def test_code_that_is_none_is_refused_before_anything_is_sent(tmp_path: Path, code: str) -> None:
    with pytest.raises(CoopError) as caught:
        enrolment.enrol(tmp_path, "http://portal.invalid", code)
    assert caught.value.code == "enrolment.bad_code"
