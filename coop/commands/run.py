"""`coop run PROCESS`: one process alone, as the supervisor or a service manager starts it."""

import importlib
import os
import sys
from typing import cast

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


def load(target: str) -> object:
    """Import `module:attribute`."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


@click.command()
@click.argument("process", type=click.Choice([*PROCESSES, "nats"]))
def run(process: str) -> None:
    """Run one process alone until SIGTERM."""
    settings = Settings()
    if process == "nats":
        command = cast("list[str]", load("orchestrator.control.nats_server:command")(settings))  # type: ignore[operator]
        os.execv(command[0], command)  # noqa: S606 -- our own server, by path and argument list
    sys.exit(load(PROCESSES[process])(settings))  # type: ignore[operator]
