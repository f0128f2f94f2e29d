"""Canonical bytes, digests and Ed25519 signatures of documents. Keys live in files that only their process may read."""

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from coop.core.errors import Tampered


def canonical(document: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON value. Amounts in it must be strings: numbers end at 2^53."""
    return rfc8785.dumps(document)


def digest(document: Any) -> str:
    """Return the SHA-256 hex of the canonical bytes."""
    return hashlib.sha256(canonical(document)).hexdigest()


def b64(data: bytes) -> str:
    """Return URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return the bytes that `b64` wrote. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all, and sync it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class SigningKey:
    """An Ed25519 private key. `key_id` is the public key as URL-safe base64, so a signature names who must be trusted."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.key_id = b64(private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Read a key file. Raises FileNotFoundError."""
        return cls(Ed25519PrivateKey.from_private_bytes(unb64(path.read_text().strip())))

    @classmethod
    def load_or_create(cls, path: Path) -> "SigningKey":
        """Read a key file, writing a new key with mode 0600 first where there is none."""
        if not path.exists():
            key = cls.generate()
            write_private(path, b64(key._private.private_bytes_raw()).encode() + b"\n")
        return cls.load(path)

    def sign(self, data: bytes) -> str:
        """Return the signature as URL-safe base64."""
        return b64(self._private.sign(data))


def verify(key_id: str, data: bytes, signature: str) -> None:
    """Check an Ed25519 signature. Raises Tampered when it does not hold or cannot be read."""
    try:
        Ed25519PublicKey.from_public_bytes(unb64(key_id)).verify(unb64(signature), data)
    except (InvalidSignature, ValueError) as error:
        raise Tampered("signature.invalid", key=key_id[:12]) from error
