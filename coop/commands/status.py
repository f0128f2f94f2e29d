"""`coop status` and `coop doctor`: what runs, what is wrong, why it matters, and the command that mends it."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click
import psutil
from rich.console import Console

from coop.commands.up import answers
from coop.core.db import Database
from coop.core.sentences import sentence
from coop.core.settings import Settings
from coop.models.cooperative import Cooperative
from coop.services import ledger_reports, outbox, schema
from coop.services import log as log_service

FREE_BYTES_LEAST = 1_000_000_000
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `remedy` is empty when all is well."""

    what: str
    is_well: bool
    detail: str
    remedy: str = ""


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Say what runs and how it is. Exit code 3 when portal or API do not answer."""
    settings = Settings()
    path = settings.run_home / "up.json"
    state = json.loads(path.read_text()) if path.exists() else {}
    is_running = bool(state) and psutil.pid_exists(int(state["pid"]))
    report = {
        "home": str(settings.home),
        "is_running": is_running,
        "portal": answers(f"http://127.0.0.1:{settings.port}/readyz"),
        "api": answers(f"http://127.0.0.1:{settings.api_port}/readyz"),
        "ready_s": state.get("ready_s"),
    }
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        words = {True: "answers", False: "does not answer"}
        click.echo(f"Instance {report['home']}: {'runs' if is_running else 'does not run; start it with `coop up`'}")
        click.echo(f"Portal {settings.portal_url}: {words[bool(report['portal'])]}")
        click.echo(f"API {settings.api_url}: {words[bool(report['api'])]}")
    sys.exit(0 if report["portal"] and report["api"] else 3)


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at folder, schema, keys, disk, ledger and log, one after the other."""
    free = shutil.disk_usage(settings.home if settings.home.exists() else ".").free
    yield Finding(
        "disk",
        free > FREE_BYTES_LEAST,
        f"{free // 1_000_000} MB free",
        "Free some space: a full disk stops votes and payments.",
    )
    take_away = settings.keys / "operator.take-away.seed"
    yield Finding(
        "operator key",
        not take_away.exists(),
        "the operator's identity key still lies on this machine" if take_away.exists() else "taken away",
        f"Move {take_away} to a place offline: whoever has it can replace every other key.",
    )
    database = Database(settings.database)
    try:
        is_current = schema.is_current(database)
        yield Finding(
            "schema",
            is_current,
            "current" if is_current else "old",
            "Run `coop up`; it brings the database to this version.",
        )
        if is_current:
            yield from _examine_books(database)
    finally:
        database.close()


def _examine_books(database: Database) -> Iterator[Finding]:
    with database.reading() as session:
        founded = session.get(Cooperative, 1) is not None
        yield Finding(
            "co-op", founded, "founded" if founded else "not set up", "Run `coop up` and open the setup link it prints."
        )
        problems = [sentence(problem.code, problem.values) for problem in ledger_reports.verify(session)]
        yield Finding(
            "ledger",
            not problems,
            "; ".join(problems) or "balances",
            "Ask the auditor; do not close a period before it is explained.",
        )
        problems = [str(problem) for problem in log_service.verify_all(session)]
        yield Finding(
            "log",
            not problems,
            "; ".join(problems) or "every event stands where it was put",
            "Compare with a copy of a signed head.",
        )
        waiting = outbox.count_unsent(session)
        yield Finding("outbox", waiting < 100, f"{waiting} messages wait", "Is control running? See `coop status`.")


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look for problems and say how to mend them. Exit code 3 when there are some."""
    findings = list(examine(Settings()))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console = Console()
        for finding in findings:
            console.print(f"{'well   ' if finding.is_well else 'PROBLEM'}  {finding.what}: {finding.detail}")
            if not finding.is_well:
                console.print(f"         {finding.remedy}")
    sys.exit(0 if all(finding.is_well for finding in findings) else 3)
