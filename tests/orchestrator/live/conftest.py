"""A live grid: real nats-server, control, agent and gateway as processes; portal's enrolment API over HTTP."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from werkzeug.serving import make_server

from app import create_app
from coop.core.clock import utc_now
from coop.core.db import Database
from coop.core.settings import Settings
from orchestrator.control import nats_server
from orchestrator.rules import roots
from orchestrator.services import nodes
from tests.grid import GUL, Grid, build

WITHIN_S = 25.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], what: str, within_s: float = WITHIN_S) -> Any:
    """Wait for something that other processes do; fail with its name."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s} s: {what}")


@dataclass
class Live:
    """The live grid in the test's hands."""

    settings: Settings
    grid: Grid
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        return self.grid.database

    def start(self, name: str) -> None:
        command = {
            "control": [sys.executable, "-m", "coop.cli", "run", "control"],
            "gateway": [sys.executable, "-m", "coop.cli", "run", "gateway"],
            "agent": [sys.executable, "-m", "coop.cli", "agent"],
        }[name]
        with (self.settings.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def stop(self, name: str, number: int = signal.SIGTERM) -> int:
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(15)

    def start_nats(self) -> None:
        self.processes["nats"] = nats_server.start(self.settings)

    def ready(self) -> bool:
        try:
            return httpx2.get(f"{self.address}/readyz", timeout=3).status_code == 200
        except httpx2.HTTPError:
            return False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings.api_port}"

    def ask(self, path: str = "/v1/embeddings", **options: Any) -> httpx2.Response:
        """Send one request; `secret=None` sends no key, `body` bytes or JSON."""
        secret = options.pop("secret", self.grid.secret)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        body = options.pop("body", {"model": "wordllama-256", "input": "the sun feeds the valley"})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx2.request("POST", self.address + path, content=content, headers=headers, timeout=40, **options)

    def is_served(self) -> bool:
        found = httpx2.get(
            f"{self.address}/v1/models", headers={"Authorization": f"Bearer {self.grid.secret}"}, timeout=5
        )
        return found.status_code == 200 and bool(found.json()["data"])

    def node_state(self, name: str) -> str:
        with self.database.reading() as session:
            return nodes.get_by_name(session, name).state

    def make_code(self, name: str) -> str:
        trusted = json.loads(self.settings.roots_path.read_text())
        with self.database.transaction() as session:
            return nodes.create_code(
                session, node_name=name, owner_id=self.grid.owner_id, fingerprint=roots.fingerprint(trusted),
                actor=GUL, now=utc_now(),
            )  # fmt: skip


@pytest.fixture(scope="module")
def live(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("live")
    shutil.copy(migrated_file, home / "coop.db")
    settings = Settings(home=home, port=free_port(), api_port=free_port())
    database = Database(settings.database)
    environment = {
        **os.environ, "COOP_HOME": str(home), "COOP_PORT": str(settings.port), "COOP_API_PORT": str(settings.api_port),
        "COOP_DATABASE_URL": "", "COOP_NATS_URL": "",
    }  # fmt: skip
    made = Live(settings, build(database, utc_now()), environment)
    made.start_nats()
    server = make_server("127.0.0.1", settings.port, create_app(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.start("control")
    made.start("gateway")
    try:
        yield made
    finally:
        for process in made.processes.values():
            process.kill()
            process.wait()
        server.shutdown()
        thread.join()
        server.server_close()
        database.close()
