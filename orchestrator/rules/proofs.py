"""How a node shows the portal that it holds its key: a signed line in the Authorization header."""

from datetime import datetime, timedelta

from coop.core.clock import from_iso, iso
from coop.core.errors import Forbidden, Tampered
from orchestrator.rules import identity

SCHEME = "Nkey"
SKEW = timedelta(minutes=5)


def _bytes(public_key: str, moment: str) -> bytes:
    return f"enrolment {public_key} {moment}".encode()


def header(key: identity.Identity, now: datetime) -> str:
    """Return the header's value."""
    moment = iso(now)
    return f"{SCHEME} {moment} {key.sign(_bytes(key.public_key, moment))}"


def check(public_key: str, value: str, now: datetime) -> None:
    """Check a header's value. Raises Forbidden when it is missing, old or by another key."""
    parts = value.split(" ")
    try:
        scheme, moment, signature = parts
        is_fresh = abs(from_iso(moment) - now) <= SKEW
        identity.verify(public_key, _bytes(public_key, moment), signature)
    except (ValueError, Tampered) as error:
        raise Forbidden("enrolment.bad_proof") from error
    if scheme != SCHEME or not is_fresh:
        raise Forbidden("enrolment.bad_proof")
