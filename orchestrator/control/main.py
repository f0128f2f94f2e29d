"""Control's process: one leader at a time; outbox, log, clock and the bus's answers run as long as the lead is held.

NATS may be down: then nothing is announced or answered, and everything else goes on.
"""

import asyncio
import os
import secrets
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence

import structlog

from coop.core import logs
from coop.core.clock import utc_now
from coop.core.db import Database
from coop.core.errors import CoopError
from coop.core.settings import Settings
from coop.schedule import JobSpec
from coop.schedule import jobs as coop_jobs
from orchestrator.bus import Bus
from orchestrator.control import nats_server
from orchestrator.control.announce import Announcer
from orchestrator.control.clock import Clock
from orchestrator.control.fleet import Fleet
from orchestrator.control.handlers import Handlers
from orchestrator.control.keys import CONTROL, SYSTEM, Keys, ceremony, credentials_path
from orchestrator.control.leadership import Leader
from orchestrator.control.relay import Relay
from orchestrator.control.sequencer import Sequencer
from orchestrator.control.store import Store
from orchestrator.services import budgets, receipts

STOP_WITHIN_S = 7.0  # after that the process ends by force; the database keeps what was acknowledged
WAKE_S = 0.1
IDLE_S = 1.0  # the longest time between two looks at outbox and log
FLUSH_S = 2.0
CREDENTIALS_S = 3_600.0

log = structlog.get_logger()


class Wake:
    """Says when the database changed. SQLite tells by a counter; on PostgreSQL every poll counts as a change.

    Polling the outbox ten times a second costs two indexed reads; LISTEN would need a trigger per table.
    """

    def __init__(self, database: Database) -> None:
        self._connection = database.engine.raw_connection() if database.is_sqlite else None
        self._version = -1
        self.now = asyncio.Event()

    def has_changed(self) -> bool:
        """Say whether another connection committed since the last call."""
        if self._connection is None:
            return True
        cursor = self._connection.cursor()
        version = int(cursor.execute("PRAGMA data_version").fetchone()[0])
        cursor.close()
        changed = version != self._version
        self._version = version
        return changed

    async def wait(self) -> None:
        """Return when there may be something to do, IDLE_S later at the latest."""
        loop = asyncio.get_running_loop()
        until = loop.time() + IDLE_S
        while loop.time() < until and not self.has_changed():
            try:
                await asyncio.wait_for(self.now.wait(), WAKE_S)
                break
            except TimeoutError:
                continue
        if self._connection is None and not self.now.is_set():
            await asyncio.sleep(WAKE_S)
        self.now.clear()

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()


class Control:
    """One control process: a candidate for the lead, and what the leader does."""

    def __init__(self, settings: Settings, jobs: Sequence[JobSpec]) -> None:
        self.settings = settings
        self.keys: Keys = ceremony(settings)
        self.database = Database(settings.database)
        self.holder = f"{socket.gethostname()[:24]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.jobs = [
            *coop_jobs(log_key=self.keys.log_key),
            JobSpec("budgets.close_expired", 5.0, budgets.close_expired),
            JobSpec("receipts.flag_overdue", 60.0, receipts.flag_overdue),
            *jobs,
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        try:
            await Leader(self.database, self.holder, self.lead).run(stop)
        finally:
            self.database.close()

    async def lead(self, fence: int) -> None:
        """Do the leader's work until cancelled."""
        store = Store(self.database, fence)
        bus, system_bus = self._bus(CONTROL), self._bus(SYSTEM)
        announcer = Announcer(store=store, keys=self.keys, bus=bus, system_bus=system_bus)
        fleet = Fleet(store)
        wake = Wake(self.database)
        clock = Clock(store, self.jobs, holder=self.holder, on_effect=wake.now.set)
        relay = Relay(store=store, keys=self.keys, announcer=announcer)
        sequencer = Sequencer(store, self.keys.log_key)
        try:
            await Handlers(store=store, keys=self.keys, fleet=fleet, announcer=announcer).register(bus)
            bus.on_connected.append(announcer.announce_policy)
            system_bus.on_connected.append(announcer.push_accounts)
            bus.start()
            system_bus.start()
            await clock.start()
            async with asyncio.TaskGroup() as group:
                group.create_task(_forever("outbox", relay.run_once, wake.wait))
                group.create_task(_forever("log", sequencer.run_once, _every(IDLE_S / 2)))
                group.create_task(_forever("fleet", fleet.flush, lambda: _until_urgent(fleet)))
                group.create_task(_forever("credentials", self._renew_credentials, _every(CREDENTIALS_S)))
        finally:
            clock.stop()
            wake.close()
            await asyncio.gather(bus.close(), system_bus.close(), return_exceptions=True)

    def _bus(self, name: str) -> Bus:
        return Bus(url=nats_server.url(self.settings), credentials=credentials_path(self.settings, name), name=name)

    async def _renew_credentials(self) -> None:
        await asyncio.to_thread(self.keys.write_own_credentials, now=utc_now())


def _every(seconds: float) -> Callable[[], Awaitable[None]]:
    return lambda: asyncio.sleep(seconds)


async def _until_urgent(fleet: Fleet) -> None:
    for _ in range(int(FLUSH_S / WAKE_S)):
        await asyncio.sleep(WAKE_S)
        if fleet.is_urgent:
            return


async def _forever(name: str, work: Callable[[], Awaitable[object]], wait: Callable[[], Awaitable[None]]) -> None:
    """Do the work again and again; what fails is logged and tried again, and stops no other part."""
    while True:
        try:
            await work()
        except CoopError as error:
            log.warning("work_failed", part=name, error=str(error))
            await asyncio.sleep(WAKE_S)
        except Exception:
            log.exception("work_failed", part=name)
            await asyncio.sleep(IDLE_S)
        await wait()


def run(settings: Settings, jobs: Sequence[JobSpec]) -> int:
    """Run control until SIGTERM or SIGINT. Returns the exit status."""
    logs.configure()
    return asyncio.run(_run(settings, jobs))


async def _run(settings: Settings, jobs: Sequence[JobSpec]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if not stop.is_set():
            last_resort = threading.Timer(STOP_WITHIN_S, os._exit, (1,))
            last_resort.daemon = True
            last_resort.start()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await Control(settings, jobs).run(stop)
    log.info("control_stopped")
    return 0
