"""The trust roots of a co-op: its instance and the public keys that sign its policies. Public; pinned by every node."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coop.core.errors import Tampered
from coop.core.signing import digest

FINGERPRINT_HEX = 16


class TrustRoots(BaseModel):
    """What a machine must know to tell its co-op from any other. Unknown fields are kept: the digest is over all."""

    model_config = ConfigDict(frozen=True, extra="allow")
    coop: str = Field(pattern=r"^[0-9a-f]{8}$", description="Settings.instance, as subjects carry it")
    policy_keys: list[str] = Field(min_length=1, max_length=16)


def read(document: object) -> TrustRoots:
    """Read trust roots. Raises Tampered."""
    try:
        return TrustRoots.model_validate(document)
    except ValidationError as error:
        raise Tampered("enrolment.wrong_roots") from error


def fingerprint(document: object) -> str:
    """Return the first FINGERPRINT_HEX digits of the digest, as an enrolment code carries them."""
    return digest(document)[:FINGERPRINT_HEX]
