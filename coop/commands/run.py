"""`coop run PROCESS`: one process alone, as the supervisor or a service manager starts it."""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from coop.core.settings import Settings

# process -> module:function taking Settings and returning the exit status
PROCESSES = {
    "portal": "coop.web.serve:run",
    "control": "app:run_control",
    "worker": "coop.worker:run",
    "gateway": "orchestrator.gateway.main:run",
    "agent": "orchestrator.agent.main:run_local",
}


def load(target: str) -> Callable[..., Any]:
    """Import `module:attribute`: how commands reach packages that coop must not import."""
    module, _, attribute = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return found


@click.command()
@click.argument("process", type=click.Choice([*PROCESSES, "nats"]))
def run(process: str) -> None:
    """Run one process alone until SIGTERM."""
    settings = Settings()
    if process == "nats":
        command = load("orchestrator.control.nats_server:command")(settings)
        os.execv(command[0], command)  # noqa: S606 -- our own server, by path and argument list
    sys.exit(load(PROCESSES[process])(settings))
