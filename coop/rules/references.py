"""Bank references: short codes that people type into a transfer and that find their payment again."""

import re

PREFIXES = {"A": "application", "S": "shares", "C": "credit"}
BODY_LENGTH = 8
LOOKALIKES = str.maketrans("OIL", "011")


def is_kind(prefix: str, kind: str) -> bool:
    """Say whether a reference with this prefix pays for `kind`."""
    return PREFIXES.get(prefix) == kind


def normalise(text: str) -> str | None:
    """Return a typed reference in its stored form, e.g. `a 7kq4m2xd` -> `A-7KQ4-M2XD`; None when it cannot be one.

    Letters that Crockford's alphabet leaves out are read as the digits they look like.
    """
    letters = re.sub(r"[\s\-–_.]", "", text).upper()
    if len(letters) != BODY_LENGTH + 1 or letters[0] not in PREFIXES:
        return None
    body = letters[1:].translate(LOOKALIKES)
    if not re.fullmatch(r"[0-9A-Z]{8}", body):
        return None
    return f"{letters[0]}-{body[:4]}-{body[4:]}"
