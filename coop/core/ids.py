"""Identifiers. Time-ordered UUIDs for rows and messages, unguessable tokens for secrets. Nothing here is a secret store."""

import hashlib
import secrets
import time

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> str:
    """Return a UUIDv7 as 32 hex digits: sortable by creation, unique across processes. Source: RFC 9562 section 5.7."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    # Method 3 of the RFC: 12 bits of the fraction, so that ids of one process keep their order within a millisecond.
    value |= (nanoseconds * 4096 // 1_000_000) << 64
    value |= 0b10 << 62
    value |= secrets.randbits(62)
    return f"{value:032x}"


def new_token() -> str:
    """Return a URL-safe secret of 256 bits."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """Return the SHA-256 hex under which a high-entropy token is stored. Not for passwords: those need argon2id."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_code(groups: int = 3, size: int = 4) -> str:
    """Return a code for people, such as `7KQ4-M2XD-9PTA`: Crockford base 32, 5 bits a letter."""
    return "-".join("".join(secrets.choice(CROCKFORD) for _ in range(size)) for _ in range(groups))
