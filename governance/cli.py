"""Reading commands of governance: proposals and policies. Each speaks to people, or JSON with --json."""

import json
import sys
from pathlib import Path

import click
from sqlmodel import col, select

from coop.commands.read import json_option, reading, show
from coop.core.clock import iso, utc_now
from coop.models.events import PolicyVersion
from coop.services import policies
from governance.models.proposals import Ballot, Proposal


@click.group()
def proposal() -> None:
    """Read proposals and ballots."""


@proposal.command("list")
@json_option
def proposal_list(as_json: bool) -> None:
    """List proposals, newest first."""
    with reading() as session:
        rows: list[dict[str, object]] = [
            {"number": found.number, "title": found.title, "state": found.state, "closes at": iso(ballot.closes_at)}
            for found, ballot in session.exec(
                select(Proposal, Ballot)
                .join(Ballot, col(Ballot.proposal_id) == Proposal.id)
                .order_by(col(Proposal.number).desc())
            )
        ]
    show("Proposals", rows, as_json=as_json)


@click.group()
def policy() -> None:
    """Read policies and their bundles."""


@policy.command("list")
@json_option
def policy_list(as_json: bool) -> None:
    """List all policies, newest first; the first one whose time has come is in force."""
    with reading() as session:
        rows: list[dict[str, object]] = [
            {
                "epoch": found.epoch,
                "version": found.version,
                "valid from": iso(found.valid_from),
                "ballot": found.ballot_number,
                "is signed": found.bundle is not None,
                "digest": found.digest,
            }
            for found in session.exec(
                select(PolicyVersion).order_by(col(PolicyVersion.epoch).desc(), col(PolicyVersion.version).desc())
            )
        ]
    show("Policies", rows, as_json=as_json)


@policy.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def policy_export(file: Path) -> None:
    """Write the signed bundle in force; `coop verify FILE` checks it offline."""
    with reading() as session:
        found = policies.in_force(session, utc_now())
    if found is None or found.bundle is None:
        click.echo(
            "No signed policy is in force yet. Start the co-op with `coop up`; its control signs within a second.",
            err=True,
        )
        sys.exit(1)
    file.write_text(json.dumps(found.bundle, indent=2, sort_keys=True) + "\n")
    click.echo(f"Wrote {file}: policy {found.epoch}.{found.version}")
