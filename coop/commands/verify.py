"""`coop verify FILE`: check what an instance handed out, offline, against the keys it names or those you trust."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from coop.commands.run import load
from coop.core.clock import utc_now
from coop.core.errors import CoopError
from coop.core.policy.bundle import verify as verify_bundle
from coop.core.sentences import sentence
from coop.rules.log_heads import verify_head

FILE_BYTES_MAX = 64_000_000


def check_bundle(document: dict[str, Any], trusted: list[str]) -> str:
    """Check a policy bundle. Raises CoopError."""
    policy = verify_bundle(document, trusted, now=utc_now())
    return f"policy {policy.epoch}.{policy.version}, in force since {document['valid_from']}, signed by {document['key_id']}"


def check_head(document: dict[str, Any], trusted: list[str]) -> str:
    """Check a signed head of the log. Raises CoopError."""
    size, root = verify_head(document, trusted)
    return f"log of {size} events with root {root}, signed by {document['key_id']}"


def check_receipts(lines: list[str]) -> str:
    """Check receipts, one JSON object a line: each cost follows from its tokens and price. Raises CoopError."""
    check = load("orchestrator.rules.receipts:check_document")
    cost = sum(check(json.loads(line)) for line in lines)
    return f"{len(lines)} receipts over {cost} nano-units, each of which follows from its tokens and price"


def check(path: Path, trusted: tuple[str, ...]) -> str:
    """Find out what a file is and check it. Raises CoopError, or ValueError for something we do not know."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ValueError(f"it is larger than {FILE_BYTES_MAX} bytes")
    if path.suffix == ".jsonl":
        return check_receipts(path.read_text().splitlines())
    document = json.loads(path.read_text())
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 -- the file's fault, not the caller's
    keys = list(trusted) or [str(document.get("key_id"))]
    if document.get("schema") == "allmende.bundle/1":
        return check_bundle(document, keys)
    if document.get("schema") == "allmende.log-head/1":
        return check_head(document, keys)
    raise ValueError("it is neither a policy bundle, a log head nor a file of receipts")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="Key id to trust; without it the key that the file names, which you then compare.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(file: Path, keys: tuple[str, ...], as_json: bool) -> None:
    """Verify a policy bundle, receipts (.jsonl) or a log head, offline. Exit code 3 when it does not hold."""
    try:
        text, holds = check(file, keys), True
    except CoopError as error:
        text, holds = sentence(error.code, error.values), False
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        text, holds = f"{file.name} cannot be verified: {error}", False
    if as_json:
        click.echo(json.dumps({"holds": holds, "detail": text}))
    else:
        click.echo(f"{'Holds' if holds else 'DOES NOT HOLD'}: {text}")
        if holds and not keys and file.suffix != ".jsonl":
            click.echo("The key is the one the file names. Compare it with the co-op's own, or pass it with --key.")
    sys.exit(0 if holds else 3)
