"""Reads of a credential what its holder must know: until when it is valid. The server, not we, checks the signature."""

import json
from datetime import UTC, datetime
from itertools import pairwise

from coop.core.errors import Tampered
from coop.core.signing import unb64


def expires_at(token: str) -> datetime | None:
    """Return when a user JWT ends, None for one without an end. Raises Tampered."""
    try:
        claims = json.loads(unb64(token.split(".")[1]))
        end = claims.get("exp")
    except (IndexError, ValueError, AttributeError) as error:
        raise Tampered("signature.invalid", key="credential") from error
    return datetime.fromtimestamp(int(end), UTC) if end else None


def token_of(credential_file: str) -> str:
    """Return the JWT in the text of a credential file. Raises Tampered."""
    lines = [line.strip() for line in credential_file.splitlines()]
    for line, following in pairwise(lines):
        if line.startswith("-----BEGIN NATS USER JWT"):
            return following
    raise Tampered("signature.invalid", key="credential")


def seed_of(credential_file: str) -> str:
    """Return the seed in the text of a credential file. Raises Tampered."""
    for line in credential_file.splitlines():
        if line.strip().startswith("SU"):
            return line.strip()
    raise Tampered("signature.invalid", key="credential")
