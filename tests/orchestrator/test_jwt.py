"""The minted JWTs against the real nats-server: each role may do what it must and nothing else."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coop.core.clock import utc_now
from coop.core.errors import Conflict, CoopError, Tampered, Unavailable
from coop.core.settings import Settings
from orchestrator.bus import Bus
from orchestrator.control import keys as keys_module
from orchestrator.control import nats_server
from orchestrator.control.keys import Keys
from orchestrator.messages import Done, Heartbeat, Message, PolicyAnnounced, PolicyFetch
from orchestrator.rules import jwt
from orchestrator.rules.jwt import Kind, Nkey
from orchestrator.subjects import Subjects


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return keys_module.ceremony(settings)


@pytest.fixture
def server(settings: Settings, keys: Keys) -> Iterator[str]:
    process = nats_server.start(settings)
    yield nats_server.url(settings)
    process.terminate()
    process.wait(timeout=10)


def credentials(keys: Keys, role: str, name: str, folder: Path, **options: object) -> tuple[Path, Nkey]:
    pair = Nkey.generate(Kind.USER)
    token = keys.mint_user(role, name, pair.public_key, **options)  # type: ignore[arg-type]
    path = folder / f"{name}.creds"
    keys_module.write_credentials(path, token, pair.seed)
    return path, pair


def test_jwt_is_signed_by_its_issuer_and_a_flipped_letter_is_noticed() -> None:
    issuer = Nkey.generate(Kind.OPERATOR)
    now = datetime(2026, 6, 1, tzinfo=UTC)
    token = jwt.operator_jwt(issuer, name="x", system_account="A", signing_keys=[], now=now)
    claims = jwt.read(token)
    assert claims["iss"] == claims["sub"] == issuer.public_key
    assert claims["nats"] == {"type": "operator", "version": 2, "system_account": "A", "signing_keys": []}
    header, payload, signature = token.split(".")
    with pytest.raises(Tampered):
        jwt.read(f"{header}.{payload[:-2]}AA.{signature}")
    with pytest.raises(Tampered):
        jwt.read("nonsense")


def test_scoped_user_carries_no_permissions_of_its_own(keys: Keys) -> None:
    pair = Nkey.generate(Kind.USER)
    claims = jwt.read(keys.mint_user("node", "node-a", pair.public_key, valid_s=60))
    assert claims["nats"].keys() == {"type", "version", "issuer_account"}
    assert claims["exp"] - claims["iat"] == 60


def test_second_ceremony_changes_no_key_and_survives_the_taken_operator_key(settings: Settings, keys: Keys) -> None:
    operator = (settings.nats_home / "operator.jwt").read_text()
    (settings.keys / keys_module.TAKE_AWAY).unlink()
    again = keys_module.ceremony(settings)
    assert again.trust_roots() == keys.trust_roots() == keys_module.trust_roots(settings)
    assert again.grid_account.public_key == keys.grid_account.public_key
    assert (settings.nats_home / "operator.jwt").read_text() == operator
    assert all(path.stat().st_mode & 0o077 == 0 for path in settings.keys.iterdir())


def test_lost_operator_without_its_key_is_said_instead_of_made_anew(settings: Settings, keys: Keys) -> None:
    (settings.keys / keys_module.TAKE_AWAY).unlink()
    (settings.nats_home / "operator.jwt").unlink()
    with pytest.raises(Unavailable, match="operator_taken_away"):
        keys_module.ceremony(settings)


@pytest.mark.parametrize("name", ["control", "system", "gateway-1"])
def test_node_gets_no_credential_under_the_name_of_a_process(keys: Keys, name: str) -> None:
    with pytest.raises(Conflict, match="reserved"):
        keys.mint_user("node", name, Nkey.generate(Kind.USER).public_key)


async def answer_fetch(sender: str, message: PolicyFetch) -> Message:
    return PolicyAnnounced(bundle={"sender": sender})


def test_roles_reach_each_other_and_nobody_elses_subjects(keys: Keys, server: str, tmp_path: Path) -> None:
    subjects = Subjects(keys.settings.instance)

    async def play() -> None:
        control = await Bus.connect(
            url=server, credentials=keys_module.credentials_path(keys.settings, "control"), name="control", timeout_s=5
        )
        await control.serve(subjects.asks_of("*"), answer_fetch, PolicyFetch)
        node_a = await Bus.connect(
            url=server, credentials=credentials(keys, "node", "node-a", tmp_path)[0], name="node-a", timeout_s=5
        )
        gateway = await Bus.connect(
            url=server,
            credentials=keys_module.credentials_path(keys.settings, "gateway-1"),
            name="gateway-1",
            timeout_s=5,
        )
        heard: list[str] = []

        async def hear(sender: str, message: Heartbeat) -> Message:
            heard.append(sender)
            return Done()

        await node_a.serve(subjects.requests_to("node-a"), hear, Heartbeat)
        await control.serve(subjects.events_of("*"), hear, Heartbeat)
        answered = await node_a.request(subjects.policy_fetch("node-a"), PolicyFetch(), PolicyAnnounced)
        assert answered.bundle == {"sender": "node-a"}
        await gateway.request(subjects.job_run("node-a"), Heartbeat(), Done)
        with pytest.raises(Unavailable):  # another's name in the subject: the server drops it
            await node_a.request(subjects.policy_fetch("node-b"), PolicyFetch(), PolicyAnnounced, timeout=0.5)
        with pytest.raises(Unavailable):  # a node asks nothing of a node
            await node_a.request(subjects.job_run("node-a"), Heartbeat(), Done, timeout=0.5)
        before = len(heard)
        await node_a.publish(subjects.node_beat("node-b"), Heartbeat())
        await gateway.publish(subjects.node_beat("node-a"), Heartbeat())
        await node_a.publish(subjects.node_beat("node-a"), Heartbeat())
        for _ in range(100):
            await asyncio.sleep(0.01)
            if len(heard) > before:
                break
        assert heard[before:] == ["node-a"]
        for bus in (node_a, gateway, control):
            await bus.close()

    asyncio.run(play())


def test_node_cannot_hear_another_nodes_inbox_or_requests(keys: Keys, server: str, tmp_path: Path) -> None:
    subjects = Subjects(keys.settings.instance)

    async def play() -> None:
        url = server
        node_b = await Bus.connect(
            url=url, credentials=credentials(keys, "node", "node-b", tmp_path)[0], name="node-b", timeout_s=5
        )
        gateway = await Bus.connect(
            url=url, credentials=keys_module.credentials_path(keys.settings, "gateway-1"), name="gateway-1", timeout_s=5
        )
        heard: list[str] = []

        async def hear(sender: str, message: Heartbeat) -> Message:
            heard.append(sender)
            return Done()

        for forbidden in (subjects.requests_to("node-a"), subjects.asks_of("*"), "_INBOX_gateway-1.>", ">", "$SYS.>"):
            await node_b.serve(forbidden, hear, Heartbeat)
        with pytest.raises(CoopError):
            await gateway.request(subjects.job_run("node-a"), Heartbeat(), Done, timeout=0.5)
        assert heard == []
        for bus in (node_b, gateway):
            await bus.close()

    asyncio.run(play())


def test_revoked_node_is_cut_and_does_not_come_back(keys: Keys, server: str, tmp_path: Path) -> None:
    async def play() -> None:
        path, pair = credentials(keys, "node", "node-a", tmp_path, now=utc_now() - timedelta(seconds=5))
        node = await Bus.connect(url=server, credentials=path, name="node-a", timeout_s=5)
        system = await Bus.connect(
            url=server, credentials=keys_module.credentials_path(keys.settings, "system"), name="system", timeout_s=5
        )
        token = keys.grid_jwt({pair.public_key: utc_now()}, now=utc_now())
        answer = await system.request_raw("$SYS.REQ.CLAIMS.UPDATE", token.encode())
        assert b'"code":200' in answer
        for _ in range(100):
            await asyncio.sleep(0.01)
            if not node.is_connected:
                break
        assert not node.is_connected
        with pytest.raises(Unavailable):
            await node.wait_connected(1.0)
        await node.close()
        with pytest.raises(Unavailable):
            await Bus.connect(url=server, credentials=path, name="node-a", timeout_s=0.5)
        await system.close()

    asyncio.run(play())
