"""The gateway's process: one NATS connection, one HTTP listener. All state is in memory and may be lost at any time."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Iterator

import structlog
import uvicorn

from coop.core.clock import utc_now
from coop.core.settings import Settings
from orchestrator.bus import Bus
from orchestrator.gateway.app import create_app
from orchestrator.gateway.control import BusGrid
from orchestrator.gateway.serve import Gateway
from orchestrator.messages import PolicyAnnounced
from orchestrator.rules import credentials, roots
from orchestrator.rules.identity import Identity
from orchestrator.subjects import Subjects

NAME = "gateway-1"
KEYS_WAIT_S = 30.0
POLL_S = 0.1
BACKLOG = 512
CONNECTIONS_MAX = 2_000
STOP_WITHIN_S = 6
CLOSE_WITHIN_S = 3.0

log = structlog.get_logger()


class Server(uvicorn.Server):
    """uvicorn, but for signals: it would end the process by the same signal before the slices are handed in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to us."""
        yield

    def stop(self) -> None:
        """Answer what is running, take nothing new, and return from `serve`."""
        self.should_exit = True


async def _wait_for_files(settings: Settings) -> None:
    """Wait until control has made the gateway's credential and written the trust roots. Raises TimeoutError."""
    async with asyncio.timeout(KEYS_WAIT_S):
        while not (settings.gateway_credentials.exists() and settings.roots_path.exists()):
            await asyncio.sleep(POLL_S)


async def _serve(settings: Settings) -> int:
    try:
        await _wait_for_files(settings)
    except TimeoutError:
        log.warning(
            "no_credential", remedy="start control first: `coop up` does", path=str(settings.gateway_credentials)
        )
        return 1
    trusted = roots.read(json.loads(settings.roots_path.read_text()))
    key = Identity(credentials.seed_of(settings.gateway_credentials.read_text()))
    subjects = Subjects(trusted.coop)
    bus = Bus(url=settings.grid_url, credentials=settings.gateway_credentials, name=NAME)
    gateway = Gateway(
        name=NAME, grid=BusGrid(bus, subjects, NAME), key=key, policy_keys=trusted.policy_keys, coop=trusted.coop
    )

    async def on_announced(_sender: str, announced: PolicyAnnounced) -> None:
        gateway.take_policy(announced)

    await bus.subscribe(subjects.policy_announced(), on_announced, PolicyAnnounced)
    bus.on_connected.extend([gateway.refresh_policy, gateway.refresh_fleet])
    bus.start()
    keeping = asyncio.create_task(gateway.keep_current())
    try:
        await _listen(settings, gateway)
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(gateway.close(), CLOSE_WITHIN_S)
        await bus.close()
    log.info("gateway_stopped", at=utc_now().isoformat())
    return 0


async def _listen(settings: Settings, gateway: Gateway) -> None:
    configuration = uvicorn.Config(
        create_app(gateway),
        host=settings.host,
        port=settings.api_port,
        backlog=BACKLOG,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    server = Server(configuration)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()


def run(settings: Settings) -> int:
    """Serve until SIGTERM. Returns the exit code."""
    try:
        import uvloop
    except ImportError:  # not on every system; only speed is lost
        return asyncio.run(_serve(settings))
    return int(uvloop.run(_serve(settings)))
