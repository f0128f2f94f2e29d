"""The bus on a real nats-server: answers, refusals, limits, and coming back after the server was killed."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from coop.core.errors import Conflict, Invalid, TooLarge, Unavailable
from coop.core.settings import Settings
from orchestrator.bus import Bus, error_of, refusal_of
from orchestrator.control import keys as keys_module
from orchestrator.control import nats_server
from orchestrator.messages import Done, Heartbeat, KeyResolve, Message, PolicyAnnounced, PolicyFetch, Refusal
from orchestrator.subjects import Subjects


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def server(settings: Settings) -> Iterator[str]:
    process = nats_server.start(settings)
    yield nats_server.url(settings)
    process.terminate()
    process.wait(timeout=10)


async def connect(settings: Settings, name: str) -> Bus:
    path = keys_module.credentials_path(settings, name)
    return await Bus.connect(url=nats_server.url(settings), credentials=path, name=name, timeout_s=5)


def play(settings: Settings, scenario: Callable[[Bus, Bus, Subjects], Awaitable[None]]) -> None:
    async def run() -> None:
        control, gateway = await connect(settings, "control"), await connect(settings, "gateway-1")
        try:
            await scenario(control, gateway, Subjects(settings.instance))
        finally:
            await gateway.close()
            await control.close()

    asyncio.run(run())


def test_errors_travel_by_name_code_and_values() -> None:
    error = error_of(refusal_of(Conflict("ballot.closed", number=3)))
    assert type(error) is Conflict
    assert (error.code, error.values) == ("ballot.closed", {"number": 3})
    assert type(error_of(Refusal(error="Invented", code="x"))).__name__ == "CoopError"
    assert isinstance(error_of(refusal_of(Invalid("message.malformed", detail="x"))), Invalid)


def test_handlers_errors_and_bad_messages_become_refusals(settings: Settings, server: str) -> None:
    async def handle(sender: str, message: KeyResolve) -> Message:
        if message.digest.startswith("0"):
            raise Conflict("test.refused", sender=sender)
        raise ValueError("a bug")

    async def scenario(control: Bus, gateway: Bus, subjects: Subjects) -> None:
        await control.serve(subjects.key_resolve("*"), handle, KeyResolve)
        subject = subjects.key_resolve("gateway-1")
        with pytest.raises(Conflict) as refused:
            await gateway.request(subject, KeyResolve(digest="0" * 64), Done)
        assert refused.value.values == {"sender": "gateway-1"}
        with pytest.raises(Unavailable, match=r"bus\.failed"):
            await gateway.request(subject, KeyResolve(digest="1" * 64), Done)
        with pytest.raises(Invalid, match="malformed"):
            await gateway.request(subject, Heartbeat(), Done)
        with pytest.raises(Invalid, match="too_new"):
            await gateway.request(subject, KeyResolve(digest="0" * 64, critical=["new_field"]), Done)
        with pytest.raises(TooLarge):
            await gateway.request(subject, PolicyAnnounced(bundle={"x": "y" * 1_000_001}), Done)

    play(settings, scenario)


def test_nobody_there_and_nobody_in_time_are_said(settings: Settings, server: str) -> None:
    async def sleep(_sender: str, _message: PolicyFetch) -> Message:
        await asyncio.Event().wait()
        return Done()

    async def scenario(control: Bus, gateway: Bus, subjects: Subjects) -> None:
        with pytest.raises(Unavailable, match="no_responder"):
            await gateway.request(subjects.fleet_list("gateway-1"), PolicyFetch(), Done)
        await control.serve(subjects.policy_fetch("*"), sleep, PolicyFetch)
        with pytest.raises(Unavailable, match="timeout"):
            await gateway.request(subjects.policy_fetch("gateway-1"), PolicyFetch(), Done, timeout=0.3)

    play(settings, scenario)


def test_full_queue_is_answered_at_once_and_the_rest_is_served(settings: Settings, server: str) -> None:
    async def scenario(control: Bus, gateway: Bus, subjects: Subjects) -> None:
        gate = asyncio.Event()

        async def wait(_sender: str, _message: PolicyFetch) -> Message:
            await gate.wait()
            return Done()

        await control.serve(subjects.policy_fetch("*"), wait, PolicyFetch, concurrency=2, queue_max=3)
        subject = subjects.policy_fetch("gateway-1")
        asked = [asyncio.create_task(gateway.request(subject, PolicyFetch(), Done)) for _ in range(20)]
        done, waiting = await asyncio.wait(asked, timeout=1.0)
        assert 3 <= len(waiting) <= 5  # three wait, and at most two are in work
        assert {str(task.exception()) for task in done} == {"bus.busy()"}
        gate.set()
        assert all(answer.ok for answer in await asyncio.gather(*waiting))

    play(settings, scenario)


def test_killed_server_with_an_empty_folder_comes_back_and_everybody_with_it(settings: Settings) -> None:
    process = nats_server.start(settings)

    async def answer(_sender: str, _message: PolicyFetch) -> Message:
        return Done()

    async def scenario(control: Bus, gateway: Bus, subjects: Subjects) -> None:
        nonlocal process
        subject = subjects.policy_fetch("gateway-1")
        await control.serve(subjects.policy_fetch("*"), answer, PolicyFetch)
        await gateway.request(subject, PolicyFetch(), Done)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for stored in (settings.nats_home / "accounts").iterdir():
            stored.unlink()
        with pytest.raises(Unavailable):
            await gateway.request(subject, PolicyFetch(), Done, timeout=0.5)
        process = nats_server.start(settings)
        for _ in range(20):
            try:
                await gateway.request(subject, PolicyFetch(), Done, timeout=0.5)
                break
            except Unavailable:
                await asyncio.sleep(0.05)
        else:
            pytest.fail("the bus did not come back")

    try:
        play(settings, scenario)
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_nobody_waits_for_an_answer_after_the_connection_it_would_come_by(settings: Settings) -> None:
    process = nats_server.start(settings)

    async def scenario(control: Bus, gateway: Bus, subjects: Subjects) -> None:
        is_asked = asyncio.Event()

        async def never(_sender: str, _message: PolicyFetch) -> Message:
            is_asked.set()
            await asyncio.Event().wait()
            return Done()

        await control.serve(subjects.policy_fetch("*"), never, PolicyFetch)
        asking = asyncio.create_task(
            gateway.request(subjects.policy_fetch("gateway-1"), PolicyFetch(), Done, timeout=60)
        )
        await is_asked.wait()
        process.send_signal(signal.SIGKILL)
        process.wait()
        with pytest.raises(Unavailable, match=r"bus\.lost"):
            await asyncio.wait_for(asking, 5)

    play(settings, scenario)


def test_bus_connects_when_the_server_comes_later(settings: Settings) -> None:
    keys_module.ceremony(settings)

    async def run() -> None:
        path = keys_module.credentials_path(settings, "control")
        bus = await Bus.connect(url=nats_server.url(settings), credentials=path, name="control")
        with pytest.raises(Unavailable, match="no_connection"):
            await bus.request("grid.v1.x.ctl.policy.fetch.y", PolicyFetch(), Done, timeout=0.3)
        with pytest.raises(Unavailable):
            await bus.publish("grid.v1.x.all.policy.announced", PolicyFetch())
        process = await asyncio.to_thread(nats_server.start, settings)
        try:
            await bus.wait_connected(5)
        finally:
            await bus.close()
            process.terminate()
            process.wait(timeout=10)

    asyncio.run(run())
