"""What a receipt says and what must hold of it. Node, gateway and control check the same document by the same rules.

A receipt is signed over its RFC 8785 bytes; amounts in it are decimal strings, since JSON numbers end at 2^53.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coop.core.errors import Tampered
from coop.core.money import cost_nano
from coop.core.signing import canonical
from orchestrator.messages import DIGITS
from orchestrator.rules import identity

BYTES_PER_INPUT_EXTRA = 8  # tokens a tokenizer may add to an input: a leading space, marks of begin and end
HEX_ID = r"^[0-9a-f]{32}$"


class PolicyName(BaseModel):
    """Which policy the work was admitted under."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    epoch: int = Field(ge=0)
    version: int = Field(ge=0)
    digest: str = Field(max_length=64)


class ReceiptBody(BaseModel):
    """A statement of use. Nothing of what was asked or answered is in it, only how much."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: int = Field(default=1, ge=1, le=1)
    id: str = Field(pattern=HEX_ID)
    kind: str = Field(max_length=32)
    model: str = Field(max_length=120)
    node: str = Field(max_length=63)
    gateway: str = Field(max_length=64)
    member_id: str = Field(max_length=32)
    is_member: bool
    key_id: str = Field(max_length=32)
    lease_id: str = Field(max_length=32)
    inputs: int = Field(ge=1)
    tokens: int = Field(ge=0, le=2**53 - 1)
    price_micro: str = Field(pattern=DIGITS)
    cost_nano: str = Field(pattern=DIGITS)
    policy: PolicyName
    started_at: str = Field(max_length=40)
    finished_at: str = Field(max_length=40)

    @property
    def cost(self) -> int:
        """Return the cost in nano-units."""
        return int(self.cost_nano)


def read(document: dict[str, Any]) -> ReceiptBody:
    """Read a receipt. Raises Tampered for unknown or missing fields: what was signed must be all understood."""
    try:
        return ReceiptBody.model_validate(document)
    except ValidationError as error:
        raise Tampered("receipt.malformed", detail=str(error.errors(include_input=False)[0]["msg"])[:200]) from error


def signed_bytes(body: ReceiptBody) -> bytes:
    """Return the bytes both signatures are over."""
    return canonical(body.model_dump(mode="json"))


def check(body: ReceiptBody, *, node_key: str, signature: str) -> None:
    """Check the node's signature, and that the cost follows from tokens and price. Raises Tampered."""
    identity.verify(node_key, signed_bytes(body), signature)
    if cost_nano(body.tokens, int(body.price_micro)) != body.cost:
        raise Tampered("receipt.wrong_cost", receipt=body.id)


def tokens_at_most(inputs: list[str]) -> int:
    """Return a count of tokens that no tokenizer in use exceeds for these inputs.

    A tokenizer with byte fallback makes at most one token of each UTF-8 byte, and adds a few marks for each input.
    The normaliser of the embed runtime turns one space (1 byte) into one sign and lengthens nothing else.
    """
    return sum(len(text.encode()) + BYTES_PER_INPUT_EXTRA for text in inputs)


def check_document(document: dict[str, Any]) -> int:
    """Check a receipt as the portal hands it out, and return its cost in nano-units. Raises Tampered.

    Its node's signature is checked where the document names the node's key.
    """
    body = read(document["receipt"])
    if cost_nano(body.tokens, int(body.price_micro)) != body.cost:
        raise Tampered("receipt.wrong_cost", receipt=body.id)
    if "node_key" in document:
        identity.verify(str(document["node_key"]), signed_bytes(body), str(document["node_signature"]))
    return body.cost
