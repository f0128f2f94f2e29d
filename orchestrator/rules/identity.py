"""A node's or gateway's nkey as we use it beside NATS: to sign receipts and requests, and to check such signatures."""

import base64
import binascii

import nkeys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from coop.core.errors import Invalid, Tampered
from coop.core.signing import b64, unb64

USER_PREFIX = 20 << 3  # nkeys' byte for a user, so that public keys start with U
RAW_BYTES = 35  # prefix, 32 bytes of key, checksum of 2


class Identity:
    """The private side. The seed stays in this process and the file it came from."""

    def __init__(self, seed: str) -> None:
        pair = nkeys.from_seed(bytearray(seed.strip().encode()))
        self._pair = pair
        self.seed = seed.strip()
        self.public_key = str(pair.public_key.decode())

    def sign(self, data: bytes) -> str:
        """Return the signature as URL-safe base64."""
        return b64(self._pair.sign(data))


def new_seed() -> str:
    """Return the seed of a new user nkey, `SU...`."""
    raw = Ed25519PrivateKey.generate().private_bytes_raw()
    return bytes(nkeys.encode_seed(raw, nkeys.PREFIX_BYTE_USER)).decode()


def public_bytes(public_key: str) -> bytes:
    """Return the 32 bytes of a user's public key `U...`. Raises Invalid for anything else."""
    try:
        raw = base64.b32decode(public_key + "=" * (-len(public_key) % 8))
    except (binascii.Error, ValueError) as error:
        raise Invalid("node.bad_public_key") from error
    if len(raw) != RAW_BYTES or raw[0] != USER_PREFIX:
        raise Invalid("node.bad_public_key")
    if nkeys.crc16(raw[:-2]) != int.from_bytes(raw[-2:], "little"):
        raise Invalid("node.bad_public_key")
    return raw[1:33]


def verify(public_key: str, data: bytes, signature: str) -> None:
    """Check a signature by a user nkey. Raises Tampered."""
    try:
        Ed25519PublicKey.from_public_bytes(public_bytes(public_key)).verify(unb64(signature), data)
    except (InvalidSignature, ValueError, Invalid) as error:
        raise Tampered("signature.invalid", key=public_key[:12]) from error
