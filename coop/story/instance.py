"""A throwaway instance: its own folder, free ports, and `coop up` as a child that does not outlive the story."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from coop.core.processes import start_child
from coop.story.browser import StoryFailed

READY_S = 60.0
STEP_S = 0.1


def free_port() -> int:
    """Return a port nobody listens on at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Instance:
    """One co-op on this machine, as `coop up` runs it."""

    def __init__(self, home: Path, *, database_url: str = "") -> None:
        self.home = home
        self.port, self.api_port = free_port(), free_port()
        self.environment = {
            "COOP_HOME": str(home),
            "COOP_PORT": str(self.port),
            "COOP_API_PORT": str(self.api_port),
            "COOP_DATABASE_URL": database_url,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.agents: list[subprocess.Popen[bytes]] = []
        self.output = home.parent / f"{home.name}-up.log"

    @property
    def portal(self) -> str:
        """Return the portal's address."""
        return f"http://localhost:{self.port}"

    @property
    def api(self) -> str:
        """Return the API's base address."""
        return f"http://localhost:{self.api_port}/v1"

    def start(self) -> str:
        """Start everything and wait until it is ready. Returns what `coop up` printed."""
        self.process = start_child(self._coop("up"), log_path=self.output, environment=self.environment)
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            text = self.output.read_text() if self.output.exists() else ""
            if "Ready in" in text:
                return text
            if self.process.poll() is not None:
                break
            time.sleep(STEP_S)
        raise StoryFailed(f"`coop up` was not ready after {READY_S:.0f} s:\n{self.output.read_text()[-3000:]}")

    def stop(self) -> None:
        """Stop agents and instance; both end within their drain time."""
        for process in [*self.agents, self.process]:
            if process is not None and process.poll() is None:
                process.terminate()
        for process in [*self.agents, self.process]:
            if process is not None:
                try:
                    process.wait(timeout=15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.agents.clear()

    def coop(self, *arguments: str, expect: int = 0) -> str:
        """Run a command of `coop` against this instance and return what it printed."""
        done = subprocess.run(
            self._coop(*arguments),
            capture_output=True,
            text=True,
            env={**os.environ, **self.environment},
            check=False,
            timeout=60,
        )
        if done.returncode != expect:
            raise StoryFailed(
                f"`coop {' '.join(arguments)}` ended with {done.returncode}, expected {expect}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def start_agent(self, home: Path) -> subprocess.Popen[bytes]:
        """Start a machine's agent with a folder of its own, as on another machine."""
        process = start_child(
            self._coop("agent", "--home", str(home)), log_path=home / "agent.log", environment=self.environment
        )
        self.agents.append(process)
        return process

    def up_state(self) -> dict[str, object]:
        """Return what `coop up` noted about itself."""
        state: dict[str, object] = json.loads((self.home / "run" / "up.json").read_text())
        return state

    @staticmethod
    def _coop(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "coop.cli", *arguments]


def wait_for(what: str, check: "object", *, seconds: float = 20.0) -> float:
    """Wait until `check()` is true; return how long it took. Raises StoryFailed with `what`."""
    assert callable(check)
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if check():
            return time.monotonic() - started
        time.sleep(STEP_S)
    raise StoryFailed(f"waited {seconds:.0f} s in vain for: {what}")


def call_api(url: str, key: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    """Send one request to the OpenAI-compatible API. Returns status and JSON."""
    request = urllib.request.Request(  # noqa: S310 -- our own loopback address
        url,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
