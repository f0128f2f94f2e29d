"""Reading commands of the co-op's own nouns: member, ledger, payout. Each speaks to people, or JSON with --json."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from sqlmodel import Session, col, select

from coop.core.clock import iso, utc_now
from coop.core.db import Database
from coop.core.money import EXPONENTS, decimal_text
from coop.core.sentences import sentence
from coop.core.settings import Settings
from coop.models.members import Member
from coop.models.payouts import PayoutRun
from coop.services import cooperatives, ledger_reports, shares

json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def reading() -> Iterator[Session]:
    """Open this instance's database for reading."""
    database = Database(Settings().database)
    try:
        with database.reading() as session:
            yield session
    finally:
        database.close()


def show(title: str, rows: list[dict[str, object]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(title=f"{title} ({len(rows)})", title_justify="left")
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table if rows else f"{title}: none")


@click.group()
def member() -> None:
    """Read the register of members."""


@member.command("list")
@json_option
def member_list(as_json: bool) -> None:
    """List today's members with their shares."""
    now = utc_now()
    with reading() as session:
        held = shares.holdings(session, now)
        rows: list[dict[str, object]] = [
            {
                "number": entry.number,
                "name": entry.name,
                "since": iso(entry.joined_at),
                "shares": decimal_text(held.get(entry.id, 0), 6),
            }
            for entry in session.exec(select(Member).where(col(Member.left_at).is_(None)).order_by(col(Member.number)))
        ]
    show("Members", rows, as_json=as_json)


@click.group()
def ledger() -> None:
    """Read and verify the ledger."""


@ledger.command("balance")
@json_option
def ledger_balance(as_json: bool) -> None:
    """Print the trial balance; debits are positive, credits negative."""
    with reading() as session:
        places = EXPONENTS[cooperatives.get(session).currency]
        rows: list[dict[str, object]] = [
            {"account": row.code, "kind": row.kind, "balance": decimal_text(row.debit_minor - row.credit_minor, places)}
            for row in ledger_reports.trial_balance(session, utc_now())
        ]
    show("Trial balance", rows, as_json=as_json)


@ledger.command("verify")
@json_option
def ledger_verify(as_json: bool) -> None:
    """Recompute the ledger from its postings. Exit code 3 when something does not hold."""
    with reading() as session:
        problems = [sentence(problem.code, problem.values) for problem in ledger_reports.verify(session)]
    click.echo(
        json.dumps({"problems": problems})
        if as_json
        else "\n".join(problems) or "The ledger holds: every entry sums to zero."
    )
    sys.exit(3 if problems else 0)


@ledger.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def ledger_export(file: Path) -> None:
    """Write all entries as CSV."""
    with reading() as session:
        file.write_text(ledger_reports.export_csv(session))
    click.echo(f"Wrote {file}")


@click.group()
def payout() -> None:
    """Read payout runs."""


@payout.command("list")
@json_option
def payout_list(as_json: bool) -> None:
    """List payout runs, newest first."""
    with reading() as session:
        places = EXPONENTS[cooperatives.get(session).currency]
        rows: list[dict[str, object]] = [
            {
                "number": run.number,
                "state": run.state,
                "total": decimal_text(run.total_minor, places),
                "sha256": run.content_digest,
            }
            for run in session.exec(select(PayoutRun).order_by(col(PayoutRun.id).desc()))
        ]
    show("Payout runs", rows, as_json=as_json)
