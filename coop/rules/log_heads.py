"""Signed heads of the one log as documents that anybody can keep and check offline."""

from collections.abc import Collection, Mapping
from typing import Any

from coop.core.errors import Tampered
from coop.core.signing import SigningKey, canonical, verify

FORM = "allmende.log-head/1"


def unsigned_head(*, size: int, root: str, signed_at: str) -> dict[str, Any]:
    """Return what is signed. `root` is hex, `signed_at` RFC 3339 as `coop.core.clock.iso` writes it."""
    return {"schema": FORM, "size": str(size), "root": root, "signed_at": signed_at}


def sign_head(unsigned: Mapping[str, Any], key: SigningKey) -> dict[str, Any]:
    """Return the head with key and signature over its canonical bytes."""
    named = {**unsigned, "key_id": key.key_id}
    return {**named, "signature": key.sign(canonical(named))}


def verify_head(document: Mapping[str, Any], trusted_keys: Collection[str]) -> tuple[int, str]:
    """Return (size, root in hex) of a head that holds. Raises Tampered for a strange key or anything that does not."""
    signed = {name: value for name, value in document.items() if name != "signature"}
    if set(signed) != {"schema", "size", "root", "signed_at", "key_id"} or signed["schema"] != FORM:
        raise Tampered("log.head_malformed")
    if signed["key_id"] not in trusted_keys:
        raise Tampered("log.head_strange_key", key=str(signed["key_id"])[:12])
    verify(str(signed["key_id"]), canonical(signed), str(document.get("signature", "")))
    return int(signed["size"]), str(signed["root"])
