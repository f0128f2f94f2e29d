"""Mints and reads the JWTs of NATS' operator mode. Pure: keys and moments come in, text goes out.

Source: ADR-14 of nats-io/nats-architecture-and-design; claims as github.com/nats-io/jwt v2 writes them.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

import nkeys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from coop.core.errors import Tampered
from coop.core.signing import b64, unb64

HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}
CLAIMS_VERSION = 2
UNLIMITED = -1
NANOSECONDS = 1_000_000_000
CONNECTIONS_MAX = 20_000  # of one account; more needs a cluster anyway


class Kind(IntEnum):
    """What a key stands for; the value is nkeys' prefix byte."""

    OPERATOR = nkeys.PREFIX_BYTE_OPERATOR
    ACCOUNT = nkeys.PREFIX_BYTE_ACCOUNT
    USER = nkeys.PREFIX_BYTE_USER


class Nkey:
    """An nkey pair. `public_key` starts with O, A or U; `seed` with SO, SA or SU and never leaves its process."""

    def __init__(self, seed: str) -> None:
        self.seed = seed.strip()
        self._pair = nkeys.from_seed(bytearray(self.seed.encode()))
        self.public_key: str = self._pair.public_key.decode()

    @classmethod
    def generate(cls, kind: Kind) -> "Nkey":
        """Return a new pair."""
        raw = Ed25519PrivateKey.generate().private_bytes_raw()
        return cls(bytes(nkeys.encode_seed(raw, int(kind))).decode())

    def sign(self, data: bytes) -> bytes:
        """Return the raw Ed25519 signature."""
        return bytes(self._pair.sign(data))


@dataclass(frozen=True)
class Permissions:
    """Allow-lists; what is not listed is refused. `response_s` > 0 lets the holder answer a request once within it."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    response_s: int = 0

    def claims(self) -> dict[str, Any]:
        """Return the claims of a user or of a scoped key's template."""
        result: dict[str, Any] = {
            "pub": {"allow": list(self.publish)},
            "sub": {"allow": list(self.subscribe)},
            "subs": UNLIMITED,
            "data": UNLIMITED,
            "payload": UNLIMITED,
        }
        if self.response_s:
            result["resp"] = {"max": 1, "ttl": self.response_s * NANOSECONDS}
        return result


@dataclass(frozen=True)
class Scope:
    """A signing key of an account that mints users of one role only. `{{name()}}` in subjects is the user's name."""

    public_key: str
    role: str
    permissions: Permissions

    def claims(self) -> dict[str, Any]:
        """Return the entry of the account's `signing_keys`."""
        return {
            "kind": "user_scope",
            "key": self.public_key,
            "role": self.role,
            "template": self.permissions.claims(),
        }


def operator_jwt(identity: Nkey, *, name: str, system_account: str, signing_keys: Sequence[str], now: datetime) -> str:
    """Return the operator's JWT, signed by its own identity key."""
    body = {"type": "operator", "system_account": system_account, "signing_keys": list(signing_keys)}
    return _encode(identity, subject=identity.public_key, name=name, body=body, now=now)


def account_jwt(
    issuer: Nkey,
    *,
    public_key: str,
    name: str,
    now: datetime,
    scopes: Sequence[Scope] = (),
    revocations: Mapping[str, datetime] | None = None,
) -> str:
    """Return an account's JWT. `revocations`: user public key -> moment; JWTs issued up to it are refused."""
    names = ("subs", "data", "payload", "imports", "exports", "leaf")
    body: dict[str, Any] = {
        "type": "account",
        "limits": dict.fromkeys(names, UNLIMITED) | {"wildcards": True, "conn": CONNECTIONS_MAX},
        "signing_keys": [scope.claims() for scope in scopes],
        "default_permissions": {"pub": {"deny": [">"]}, "sub": {"deny": [">"]}},
    }
    if revocations:
        body["revocations"] = {key: int(moment.timestamp()) for key, moment in sorted(revocations.items())}
    return _encode(issuer, subject=public_key, name=name, body=body, now=now)


def user_jwt(issuer: Nkey, *, account: str, public_key: str, name: str, expires_at: datetime, now: datetime) -> str:
    """Return a user's JWT under a scoped key: it carries no permissions, they come from the scope's template."""
    body = {"type": "user", "issuer_account": account}
    return _encode(issuer, subject=public_key, name=name, body=body, now=now, expires_at=expires_at)


def system_user_jwt(
    account: Nkey, *, public_key: str, name: str, permissions: Permissions, expires_at: datetime, now: datetime
) -> str:
    """Return a user's JWT with its own permissions, signed by the account's identity key."""
    body = {"type": "user", **permissions.claims()}
    return _encode(account, subject=public_key, name=name, body=body, now=now, expires_at=expires_at)


def read(token: str) -> dict[str, Any]:
    """Return the claims of a JWT whose signature by its own `iss` holds. Whom to trust as `iss` is the caller's matter.

    Raises Tampered.
    """
    try:
        header, payload, signature = token.split(".")
        claims: dict[str, Any] = json.loads(unb64(payload))
        raw = base64.b32decode(str(claims["iss"]))[1:33]
        Ed25519PublicKey.from_public_bytes(raw).verify(unb64(signature), f"{header}.{payload}".encode())
    except (InvalidSignature, ValueError, KeyError, TypeError) as error:
        raise Tampered("jwt.invalid") from error
    return claims


def _encode(
    issuer: Nkey,
    *,
    subject: str,
    name: str,
    body: Mapping[str, Any],
    now: datetime,
    expires_at: datetime | None = None,
) -> str:
    claims: dict[str, Any] = {
        "iat": int(now.timestamp()),
        "iss": issuer.public_key,
        "name": name,
        "nats": {**body, "version": CLAIMS_VERSION},
        "sub": subject,
    }
    if expires_at is not None:
        claims["exp"] = int(expires_at.timestamp())
    hashed = hashlib.sha256(_compact({**claims, "jti": ""})).digest()
    claims["jti"] = base64.b32encode(hashed).decode().rstrip("=")
    signed = f"{b64(_compact(HEADER))}.{b64(_compact(claims))}"
    return f"{signed}.{b64(issuer.sign(signed.encode()))}"


def _compact(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
