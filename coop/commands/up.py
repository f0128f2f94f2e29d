"""`coop up`: prepare the home folder, then supervise. Prints where to go, nothing else."""

import json
import os
import time
import urllib.error
import urllib.request

import click
from rich.console import Console

from coop.commands.run import load
from coop.core.clock import utc_now
from coop.core.db import Database
from coop.core.processes import FolderLock
from coop.core.settings import Settings
from coop.core.signing import write_private
from coop.services import schema, setup
from coop.supervisor import Supervisor

READY_TIMEOUT_S = 60.0
console = Console(stderr=True)


def prepare(settings: Settings) -> str | None:
    """Bring schema, keys and NATS configuration up to date. Returns the token of a new setup link while there is no co-op."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database)
    try:
        schema.upgrade(database)
        load("orchestrator.control.keys:ceremony")(settings)
        with database.transaction() as session:
            return setup.ensure_link(session, now=utc_now())
    finally:
        database.close()


def answers(url: str) -> bool:
    """Say whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 -- our own loopback address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class Greeter:
    """Waits for portal and gateway without stopping the supervisor's watch, then says once where to go."""

    def __init__(self, settings: Settings, setup_token: str | None) -> None:
        self.settings, self.setup_token = settings, setup_token
        self.started = time.monotonic()
        self.is_done = False

    def __call__(self) -> None:
        """Look once; cheap after everything is up."""
        if self.is_done:
            return
        urls = (f"http://127.0.0.1:{self.settings.port}/livez", f"http://127.0.0.1:{self.settings.api_port}/livez")
        if all(answers(url) for url in urls):
            self.is_done = True
            seconds = time.monotonic() - self.started
            self._note(seconds)
            self._say(seconds)
        elif time.monotonic() - self.started > READY_TIMEOUT_S:
            self.is_done = True
            console.print(
                f"[red]Not ready after {READY_TIMEOUT_S:.0f} s.[/] Read the logs in {self.settings.run_home}, or run `coop doctor`."
            )

    def _note(self, seconds: float) -> None:
        state = {
            "pid": os.getpid(),
            "ready_s": round(seconds, 3),
            "portal": self.settings.portal_url,
            "api": self.settings.api_url,
        }
        write_private(self.settings.run_home / "up.json", json.dumps(state).encode())

    def _say(self, seconds: float) -> None:
        """Print links first and the line that everything is ready last: who waits for it has read all."""
        if self.setup_token:
            link = f"{self.settings.portal_url}/setup/{self.setup_token}"
            click.echo(f"Set up your co-op (30 minutes, one use): {link}")
        for name, url in demo_links(self.settings):
            click.echo(f"  {name:<28} {url}")
        click.echo(f"Ready in {seconds:.1f} s.  Portal {self.settings.portal_url}  API {self.settings.api_url}")


def demo_links(settings: Settings) -> list[tuple[str, str]]:
    """Return a fresh sign-in link per member of the cast on a demo instance, else nothing."""
    database = Database(settings.database)
    try:
        with database.transaction() as session:
            return [
                (who, f"{settings.portal_url}{path}")
                for who, path in load("coop.demo:cast_links")(session, now=utc_now())
            ]
    finally:
        database.close()


@click.command()
def up() -> None:
    """Start this co-op and keep it running: portal, control, worker, gateway, NATS, and the local agent once enrolled."""
    settings = Settings()
    lock = FolderLock(settings.home)
    started = time.monotonic()
    token = prepare(settings)
    supervisor = Supervisor(settings)
    if not settings.nats_url:
        supervisor.add("nats")
    for name in ("control", "portal", "worker", "gateway"):
        supervisor.add(name)
    supervisor.add("agent", is_wanted=(settings.agent_home / "node.json").exists)
    greeter = Greeter(settings, token)
    greeter.started = started
    supervisor.run(on_tick=greeter)
    lock.release()
