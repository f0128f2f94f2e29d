"""The few requests an agent makes to the portal over HTTP, with the standard library: enrol, and ask for its state."""

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from coop.core.clock import utc_now
from coop.core.errors import Conflict, Invalid, Unavailable
from orchestrator.rules import proofs
from orchestrator.rules.identity import Identity

TIMEOUT_S = 10
ANSWER_BYTES_MAX = 100_000


def ask(address: str, *, body: dict[str, Any] | None = None, authorization: str = "") -> dict[str, Any]:
    """Send one JSON request. Raises Conflict with the portal's words, or Unavailable when it does not answer."""
    if urlsplit(address).scheme not in {"http", "https"}:
        raise Invalid("enrolment.unreachable", address=address[:200], detail="it starts with neither https nor http")
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
        address,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Accept": "application/json", "Content-Type": "application/json"},
    )
    if authorization:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the scheme is checked above
            data = json.loads(answer.read(ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            raise Conflict("enrolment.refused", detail=_detail(error.read(ANSWER_BYTES_MAX), error.code)) from error
    except (OSError, ValueError) as error:
        raise Unavailable("enrolment.unreachable", address=address[:200], detail=str(error)[:200]) from error
    if not isinstance(data, dict):
        raise Unavailable("enrolment.unreachable", address=address[:200], detail="it did not answer with an object")
    return data


def _detail(data: bytes, status: int) -> str:
    """Return what the portal said, or the status where it said nothing we can read."""
    try:
        found = json.loads(data)
    except ValueError:
        return f"HTTP {status}"
    error = found.get("error", found) if isinstance(found, dict) else {}
    message = error.get("message", "") if isinstance(error, dict) else error
    return str(message)[:300] or f"HTTP {status}"


def ask_state(portal_url: str, key: Identity) -> dict[str, Any]:
    """Return the node's state at the portal: `state`, and `credential` once it is let in."""
    address = f"{portal_url}/api/enrolments/{key.public_key}"
    return ask(address, authorization=proofs.header(key, utc_now()))
