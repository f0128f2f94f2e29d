"""`coop demo`: fill an empty instance with a believable co-op, marked DEMO on every page."""

import logging
import sys

import click
import structlog
from rich.console import Console

from coop.commands.run import load
from coop.commands.up import prepare
from coop.core.clock import utc_now
from coop.core.db import Database
from coop.core.processes import FolderLock
from coop.core.settings import Settings
from coop.demo import is_empty

console = Console(stderr=True)


@click.command()
@click.option("--if-empty", is_flag=True, help="Do nothing, without complaint, where there is a co-op already.")
def demo(if_empty: bool) -> None:
    """Fill an empty instance: 12 members, offices, this machine as a node, a closed quarter, an open ballot."""
    # Each step is one long transaction on an instance nobody uses yet: the warning about that would only frighten.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    settings = Settings()
    lock = FolderLock(settings.home)
    prepare(settings)
    database = Database(settings.database)
    try:
        with database.reading() as session:
            if not is_empty(session):
                if if_empty:
                    return
                console.print(f"There is a co-op in {settings.home} already. Set COOP_HOME to an empty folder.")
                sys.exit(1)
        for step in load("app:demo_steps")():
            console.print(f"  {step.text} ...")
            with database.transaction() as session:
                step.play(session, settings, utc_now())
    finally:
        database.close()
        lock.release()
