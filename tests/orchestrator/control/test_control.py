"""Control as a real process between a real database and a real nats-server, through kills of both."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import Session, select

from coop.core.actor import Actor, Role
from coop.core.clock import utc_now
from coop.core.db import Database
from coop.core.errors import CoopError, Forbidden, Unavailable
from coop.core.policy import bundle as bundles
from coop.core.policy.bundle import ProposalName
from coop.core.policy.schema import FOUNDING_POLICY
from coop.core.settings import Settings
from coop.models.events import Event, LogHead, LogLeaf
from coop.models.members import Member
from coop.models.work import Outbox
from coop.rules.bylaws import FOUNDING
from coop.services import clock_jobs, cooperatives, log, policies
from orchestrator.bus import Bus
from orchestrator.control import keys as keys_module
from orchestrator.control import nats_server
from orchestrator.messages import (
    CredentialRenew,
    CredentialRenewed,
    FleetList,
    FleetListed,
    Heartbeat,
    PolicyAnnounced,
    PolicyFetch,
    PolicyObeyed,
)
from orchestrator.models.nodes import Node
from orchestrator.rules.jwt import Kind, Nkey
from orchestrator.services import nodes
from orchestrator.subjects import Subjects

GUL = Actor(label="Gul", user_id="0" * 32, roles=frozenset({Role.SYSADMIN}))
LIVELY_S = 4.0  # under one second on a quiet machine (make bench measures that); tests share theirs with others
ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from coop.core.settings import Settings
from coop.schedule import JobSpec
from orchestrator.control import main

def fail(session, now):
    raise ValueError("a job that always fails")

sys.exit(main.run(Settings(), [JobSpec("test.fails", 0.5, fail)]))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def settings(tmp_path: Path, migrated_file: Path, request: pytest.FixtureRequest) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    if request.param == "sqlite":
        shutil.copy(migrated_file, home / "coop.db")
        return Settings(home=home)
    postgres: Database = request.getfixturevalue("postgres")
    return Settings(home=home, database_url=postgres.engine.url.render_as_string(hide_password=False))


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    yield database
    database.close()


class Grid:
    """The two real processes. Stopped at the end of a test, however it ends."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.nats = nats_server.start(settings)
        self.control = self.start_control()

    def start_control(self) -> subprocess.Popen[bytes]:
        with (self.settings.home / "control.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env={
                    "COOP_HOME": str(self.settings.home),
                    "COOP_DATABASE_URL": self.settings.database_url,
                    "PATH": "/usr/bin:/bin",
                    "PYTHONPATH": str(ROOT),
                },
                stdout=output,
                stderr=output,
            )

    def kill_nats(self) -> None:
        self.nats.kill()
        self.nats.wait()
        shutil.rmtree(self.settings.nats_home / "accounts")

    def stop(self) -> None:
        for process in (self.control, self.nats):
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=10)


@pytest.fixture
def grid(settings: Settings) -> Iterator[Grid]:
    grid = Grid(settings)
    yield grid
    grid.stop()


def found(session: Session) -> None:
    now = utc_now()
    cooperatives.found(
        session, name="T", legal_name="T", currency="EUR", timezone="UTC", bylaws=FOUNDING, is_demo=False, now=now
    )
    policies.enact_first(session, now)


def add_waiting_node(session: Session, name: str, public_key: str) -> str:
    now = utc_now()
    member = session.exec(select(Member)).first()
    if member is None:
        member = Member(number=1, name="Bo", email="bo@example.org", joined_at=now)
        session.add(member)
        session.flush()
    node = Node(name=name, owner_id=member.id, public_key=public_key, inventory={}, models=[], enrolled_at=now)
    session.add(node)
    session.flush()
    return node.id


async def until(what: Callable[[], object], seconds: float = 30.0) -> float:
    """Wait until something is true and return how long that took."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if await asyncio.to_thread(what):
            return time.monotonic() - started
        await asyncio.sleep(0.02)
    pytest.fail(f"not within {seconds} s: {what}")


def enact_next(database: Database) -> tuple[int, int]:
    with database.transaction() as session:
        proposal = ProposalName(id="0" * 32, number=1, result_digest="0" * 64)
        policy = policies.enact(session, document=FOUNDING_POLICY, proposal=proposal, actor=GUL, now=utc_now())
        return policy.epoch, policy.version


class Machine:
    """A node as its agent would be, played by the test."""

    def __init__(self, settings: Settings, database: Database, name: str) -> None:
        self.settings, self.database, self.name = settings, database, name
        self.pair = Nkey.generate(Kind.USER)
        self.subjects = Subjects(settings.instance)
        self.heard: list[tuple[int, int]] = []

    def enrol(self) -> None:
        with self.database.transaction() as session:
            self.id = add_waiting_node(session, self.name, self.pair.public_key)
        with self.database.transaction() as session:
            nodes.approve(session, node_id=self.id, actor=GUL, now=utc_now())

    def row(self) -> Node:
        with self.database.reading() as session:
            return nodes.get(session, self.id)

    async def connect(self) -> Bus:
        await until(lambda: self.row().credential)
        path = self.settings.home / f"{self.name}.creds"
        credential = self.row().credential
        assert credential is not None
        keys_module.write_credentials(path, credential, self.pair.seed)
        url = nats_server.url(self.settings)
        self.bus = await Bus.connect(url=url, credentials=path, name=self.name, timeout_s=5)
        await self.bus.subscribe(self.subjects.policy_announced(), self.hear, PolicyAnnounced)
        return self.bus

    async def hear(self, _sender: str, message: PolicyAnnounced) -> None:
        assert message.bundle is not None
        roots = json.loads(self.settings.roots_path.read_text())
        policy = bundles.verify(message.bundle, roots["policy_keys"], now=utc_now(), coop=roots["coop"])
        self.heard.append((policy.epoch, policy.version))

    async def fetch(self) -> PolicyAnnounced:
        for _ in range(60):
            try:
                return await self.bus.request(
                    self.subjects.policy_fetch(self.name), PolicyFetch(), PolicyAnnounced, timeout=1.0
                )
            except Unavailable:
                await asyncio.sleep(0.1)
        pytest.fail("control does not answer")

    async def beat(self, place: tuple[int, int]) -> None:
        beat = Heartbeat(epoch=place[0], policy_version=place[1], models=["embed"], is_accepting=True)
        await self.bus.publish(self.subjects.node_beat(self.name), beat)


@pytest.mark.slow
def test_node_joins_hears_each_policy_within_a_second_and_is_revoked(
    settings: Settings, database: Database, grid: Grid
) -> None:
    with database.transaction() as session:
        found(session)
    machine = Machine(settings, database, "node-a")
    machine.enrol()

    async def gateway_sees(gateway: Bus) -> FleetListed:
        subject = machine.subjects.fleet_list("gateway-1")
        return await gateway.request(subject, FleetList(), FleetListed)

    async def play() -> None:
        bus = await machine.connect()
        fetched = await machine.fetch()
        await machine.hear("", fetched)
        assert machine.heard[-1] == (1, 1)
        path = keys_module.credentials_path(settings, "gateway-1")
        gateway = await Bus.connect(url=nats_server.url(settings), credentials=path, name="gateway-1", timeout_s=5)
        await machine.beat((1, 1))
        await until(lambda: machine.row().seen_at)
        listed = await gateway_sees(gateway)
        assert [(node.name, node.models, node.is_accepting) for node in listed.nodes] == [("node-a", ["embed"], True)]
        for _ in range(3):
            place = enact_next(database)
            assert await until(lambda place=place: place in machine.heard) < LIVELY_S  # type: ignore[misc]
        await bus.publish(
            machine.subjects.policy_obeyed("node-a"), PolicyObeyed(epoch=1, policy_version=4, digest="0" * 64)
        )
        await until(lambda: machine.row().policy_version == 4)
        for _ in range(50):  # an older word that comes late hides nothing, and lets control say the newest again
            await machine.beat((1, 1))
            if machine.heard.count((1, 4)) >= 2:
                break
            await asyncio.sleep(0.1)
        assert machine.heard.count((1, 4)) >= 2
        assert machine.row().policy_version == 4
        subject = machine.subjects.credential_renew("node-a")
        renewed = await bus.request(subject, CredentialRenew(public_key=machine.pair.public_key), CredentialRenewed)
        assert renewed.credential == machine.row().credential
        with pytest.raises(Forbidden):
            await bus.request(subject, CredentialRenew(public_key="U" * 56), CredentialRenewed)
        with pytest.raises(Unavailable):
            await bus.request(machine.subjects.fleet_list("node-a"), FleetList(), FleetListed, timeout=0.5)
        with database.transaction() as session:
            nodes.revoke(session, node_id=machine.id, actor=GUL, now=utc_now())
        assert await until(lambda: not bus.is_connected) < LIVELY_S
        with pytest.raises(CoopError):
            await bus.wait_connected(1.0)
        await bus.close()
        await gateway.close()

    asyncio.run(play())


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_kills_of_nats_and_control_lose_nothing(settings: Settings, database: Database, grid: Grid) -> None:
    with database.transaction() as session:
        found(session)
    machine = Machine(settings, database, "node-a")
    machine.enrol()

    def is_drained() -> bool:
        with database.reading() as session:
            unsent = session.exec(select(Outbox.id).where(Outbox.sent_at == None)).all()  # noqa: E711 -- SQL
            return not unsent and not log.has_unplaced(session)

    async def play() -> None:
        bus = await machine.connect()
        await machine.fetch()
        grid.kill_nats()
        place = enact_next(database)  # signed and placed in the log without NATS
        await until(lambda: not log_waits(database))
        assert await asyncio.to_thread(lambda: machine.row().name) == "node-a"
        grid.nats = await asyncio.to_thread(nats_server.start, settings)
        await until(lambda: place in machine.heard)
        grid.control.send_signal(signal.SIGKILL)
        grid.control.wait()
        place = enact_next(database)
        grid.control = grid.start_control()
        await until(lambda: place in machine.heard)
        await until(is_drained)
        await bus.close()

    asyncio.run(play())
    grid.control.terminate()
    assert grid.control.wait(timeout=8) == 0
    with database.reading() as session:
        assert log.verify_all(session) == []
        assert session.exec(select(LogHead)).first() is not None
        assert len(session.exec(select(LogLeaf)).all()) == len(session.exec(select(Event)).all())
        assert [job.name for job in clock_jobs.list_failing(session)] == ["test.fails"]


def log_waits(database: Database) -> bool:
    with database.reading() as session:
        return log.has_unplaced(session) or bool(policies.list_unsigned(session))
