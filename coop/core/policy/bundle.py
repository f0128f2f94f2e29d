"""The signed bundle of a policy, and the only function that decides whether one may be obeyed. It fails closed."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import rfc8785
from pydantic import ConfigDict, Field, ValidationError

from coop.core import signing
from coop.core.clock import from_iso, iso
from coop.core.errors import Conflict, PolicyRefused, Tampered, TooLarge
from coop.core.policy.evaluate import Refused
from coop.core.policy.schema import PolicyDocument, Section
from coop.core.signing import SigningKey, canonical, digest

BUNDLE_BYTES_MAX = 64 * 1024
CLOCK_SKEW = timedelta(seconds=30)  # how far a node's clock may be behind the co-op's
SCHEMA = "allmende.bundle/1"
DIGEST = r"^[0-9a-f]{64}$"


class ProposalName(Section):
    """The decision a policy came from. A proposal has one ballot, and both have one number."""

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    number: int = Field(ge=1)
    result_digest: str = Field(pattern=DIGEST)


class Bundle(Section):
    """The fields of a bundle, all of them, as they are signed."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    form: Literal["allmende.bundle/1"] = Field(alias="schema")
    coop: str = Field(min_length=1, max_length=64)
    epoch: int = Field(ge=1, le=2**31)
    policy_version: int = Field(ge=1, le=2**31)
    policy: PolicyDocument
    policy_digest: str = Field(pattern=DIGEST)
    valid_from: str = Field(max_length=40)
    expires_at: str = Field(max_length=40)
    proposal: ProposalName | None
    key_id: str = Field(max_length=64)
    signature: str = Field(max_length=128)


@dataclass(frozen=True)
class PolicyInForce:
    """A policy whose bundle was verified. `ballot_number` and `proposal_id` are None for the founding policy."""

    coop: str
    epoch: int
    version: int
    document: PolicyDocument
    policy_digest: str
    valid_from: datetime
    expires_at: datetime
    proposal_id: str | None
    ballot_number: int | None
    result_digest: str | None
    key_id: str

    @property
    def digest(self) -> str:
        """Return the digest of the policy."""
        return self.policy_digest

    @property
    def place(self) -> tuple[int, int]:
        """Return (epoch, version), which orders all policies."""
        return self.epoch, self.version

    def refusal(self, refused: Refused) -> PolicyRefused:
        """Return the error that names clause, policy and ballot."""
        return PolicyRefused(
            refused.code if self.ballot_number is not None else f"{refused.code}_founding",
            **{
                "epoch": self.epoch,
                "version": self.version,
                "proposal": self.proposal_id,
                "ballot": self.ballot_number,
                **refused.values,
            },
        )


def build(
    document: PolicyDocument,
    *,
    coop: str,
    epoch: int,
    version: int,
    valid_from: datetime,
    expires_at: datetime,
    proposal: ProposalName | None,
) -> dict[str, Any]:
    """Return the unsigned bundle. `coop` is Settings.instance."""
    policy = document.to_json()
    return {
        "schema": SCHEMA,
        "coop": coop,
        "epoch": epoch,
        "policy_version": version,
        "policy": policy,
        "policy_digest": digest(policy),
        "valid_from": iso(valid_from),
        "expires_at": iso(expires_at),
        "proposal": proposal.model_dump(mode="json") if proposal else None,
    }


def sign(unsigned: Mapping[str, Any], key: SigningKey) -> dict[str, Any]:
    """Return the bundle with key and signature over its canonical bytes. Raises TooLarge."""
    bundle = {**unsigned, "key_id": key.key_id}
    bundle["signature"] = key.sign(canonical(bundle))
    if len(canonical(bundle)) > BUNDLE_BYTES_MAX:
        raise TooLarge("policy.bundle_too_large", limit=BUNDLE_BYTES_MAX)
    return bundle


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def decode(data: bytes) -> dict[str, Any]:
    """Read the bytes of a bundle. Raises Tampered for anything that is not one JSON object with each name once."""
    if len(data) > BUNDLE_BYTES_MAX:
        raise Tampered("policy.bundle_malformed", detail=f"more than {BUNDLE_BYTES_MAX} bytes")
    try:
        found = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Tampered("policy.bundle_malformed", detail="not whole JSON") from error
    if not isinstance(found, dict):
        raise Tampered("policy.bundle_malformed", detail="not an object")
    return found


def _read(bundle: Mapping[str, Any]) -> Bundle:
    try:
        data = canonical(dict(bundle))
        if len(data) > BUNDLE_BYTES_MAX:
            raise Tampered("policy.bundle_malformed", detail=f"more than {BUNDLE_BYTES_MAX} bytes")
        return Bundle.model_validate_json(data, strict=True)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise Tampered("policy.bundle_malformed", detail=where[:120]) from error
    except (rfc8785.CanonicalizationError, RecursionError, TypeError, ValueError) as error:
        raise Tampered("policy.bundle_malformed", detail="no canonical JSON") from error


def _moments(read: Bundle) -> tuple[datetime, datetime]:
    try:
        valid_from, expires_at = from_iso(read.valid_from), from_iso(read.expires_at)
    except ValueError as error:
        raise Tampered("policy.bundle_malformed", detail="valid_from") from error
    if valid_from >= expires_at:
        raise Tampered("policy.bundle_malformed", detail="expires_at")
    return valid_from, expires_at


def verify(
    bundle: Mapping[str, Any] | bytes,
    trusted_keys: Collection[str],
    *,
    now: datetime,
    at_least: tuple[int, int] = (0, 0),
    known_digest: str = "",
    coop: str | None = None,
) -> PolicyInForce:
    """Return the policy of a bundle that may be obeyed now.

    at_least: (epoch, version) obeyed so far; `known_digest` is that policy's digest, so that the same place cannot come
    back with other content. coop: the instance it must be for; None leaves that to the keys.
    Raises Tampered for anything unknown, unsigned, strange or altered; Conflict for older, expired or not yet valid.
    """
    bundle = decode(bundle) if isinstance(bundle, bytes) else bundle
    read = _read(bundle)
    if read.key_id not in trusted_keys:
        raise Tampered("policy.key_unknown", key=read.key_id[:12])
    signing.verify(read.key_id, canonical({k: v for k, v in bundle.items() if k != "signature"}), read.signature)
    if read.policy_digest != digest(bundle["policy"]):
        raise Tampered("policy.digest_wrong", version=read.policy_version)
    if coop is not None and read.coop != coop:
        raise Tampered("policy.other_coop", coop=read.coop)
    place = (read.epoch, read.policy_version)
    if place < at_least:
        raise Conflict("policy.older", epoch=read.epoch, version=read.policy_version, obeyed=at_least[1])
    if place == at_least and known_digest and known_digest != read.policy_digest:
        raise Tampered("policy.two_of_one_version", epoch=read.epoch, version=read.policy_version)
    valid_from, expires_at = _moments(read)
    if expires_at <= now:
        raise Conflict("policy.expired", version=read.policy_version, expired_at=read.expires_at)
    if valid_from > now + CLOCK_SKEW:
        raise Conflict("policy.not_yet_valid", version=read.policy_version, valid_from_at=read.valid_from)
    return PolicyInForce(
        coop=read.coop,
        epoch=read.epoch,
        version=read.policy_version,
        document=read.policy,
        policy_digest=read.policy_digest,
        valid_from=valid_from,
        expires_at=expires_at,
        proposal_id=read.proposal.id if read.proposal else None,
        ballot_number=read.proposal.number if read.proposal else None,
        result_digest=read.proposal.result_digest if read.proposal else None,
        key_id=read.key_id,
    )
