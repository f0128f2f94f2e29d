"""Every message on the bus: one pydantic class per subject, versioned. Unknown fields are ignored unless listed critical.

Amounts are decimal strings of integers (nano-units), since JSON numbers end at 2^53. Times are RFC 3339 in UTC.
"""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coop.core.errors import Invalid, TooLarge

MESSAGE_BYTES_MAX = 1_000_000  # below the server's max_payload of 1 MiB
INPUTS_MAX = 512  # inputs of one embeddings job
INPUT_CHARS_MAX = 32_768
DIGITS = r"^[0-9]{1,18}$"


class Message(BaseModel):
    """Base of all messages. `critical` names fields a receiver must know; an unknown one refuses the message."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    version: int = 1
    critical: list[str] = Field(default_factory=list, max_length=16)
    KNOWN_VERSION: ClassVar[int] = 1

    def encode(self) -> bytes:
        """Return the bytes on the wire. Raises TooLarge."""
        data = self.model_dump_json().encode()
        if len(data) > MESSAGE_BYTES_MAX:
            raise TooLarge("message.too_large", limit=MESSAGE_BYTES_MAX)
        return data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read bytes from the wire. Raises TooLarge or Invalid."""
        if len(data) > MESSAGE_BYTES_MAX:
            raise TooLarge("message.too_large", limit=MESSAGE_BYTES_MAX)
        try:
            message = cls.model_validate_json(data)
        except ValidationError as error:
            raise Invalid("message.malformed", detail=str(error.errors(include_input=False)[0]["msg"])[:200]) from error
        unknown = [name for name in message.critical if name not in cls.model_fields]
        if unknown or message.version > cls.KNOWN_VERSION:
            raise Invalid("message.too_new", detail=", ".join(unknown)[:200])
        return message


class Refusal(Message):
    """The answer in place of every other: `ok` is false, code and values say why."""

    ok: bool = False
    error: str
    code: str
    values: dict[str, str | int | bool | None] = Field(default_factory=dict)


class Done(Message):
    """Control committed; the sender may forget."""

    ok: bool = True


class PolicyAnnounced(Message):
    """The whole signed bundle, as `coop.core.policy.bundle` reads it; None while none is signed."""

    ok: bool = True
    bundle: dict[str, Any] | None


class PolicyFetch(Message):
    """Asks for the bundle in force."""


class PolicyObeyed(Message):
    """A node verified, stored and enforces this bundle."""

    epoch: int = Field(ge=0)
    policy_version: int = Field(ge=0)
    digest: str = Field(max_length=64)


class Heartbeat(Message):
    """A node lives. `is_accepting` is false outside hours or while it drains."""

    epoch: int = 0
    policy_version: int = 0
    models: list[str] = Field(default_factory=list, max_length=64)
    running: int = Field(default=0, ge=0)
    journal: int = Field(default=0, ge=0, description="receipts that wait for control")
    is_accepting: bool = True
    inventory: dict[str, Any] | None = None


class JobRun(Message):
    """One piece of work for a node. `price_micro` and `policy` are what the gateway admitted it under."""

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    kind: str = Field(default="embeddings", max_length=32)
    model: str = Field(max_length=120)
    inputs: list[str] = Field(min_length=1, max_length=INPUTS_MAX)
    member_id: str = Field(max_length=32)
    is_member: bool = True
    key_id: str = Field(max_length=32)
    lease_id: str = Field(max_length=32)
    gateway: str = Field(max_length=64)
    price_micro: int = Field(ge=0, le=10**12)


class JobResult(Message):
    """Vectors as base64 of little-endian float32, one string per input, and the node's signed receipt."""

    ok: bool = True
    vectors: list[str]
    dimensions: int
    tokens: int = Field(ge=0)
    receipt: dict[str, Any]
    signature: str


class ReceiptDeliver(Message):
    """A node delivers what it keeps in its journal."""

    receipt: dict[str, Any]
    signature: str = Field(max_length=128)


class ReceiptCountersign(Message):
    """A gateway adds its signature over the same canonical receipt."""

    receipt: dict[str, Any]
    node_signature: str = Field(max_length=128)
    gateway_signature: str = Field(max_length=128)


class KeyResolve(Message):
    """Asks what an API key may do, by the SHA-256 of its secret."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class KeyResolved(Message):
    """A key's scope. Empty `models` means all that are served. Cached by the gateway for `valid_s`."""

    ok: bool = True
    key_id: str
    member_id: str
    models: list[str] = Field(default_factory=list)
    expires_at: str | None = None
    valid_s: int = 5


class BudgetLeaseAsk(Message):
    """A gateway asks for a slice of a member's credit, at least `least_nano`."""

    member_id: str = Field(max_length=32)
    least_nano: str = Field(pattern=DIGITS)


class BudgetLeased(Message):
    """A slice. After `expires_at` the gateway must not start work on it; control takes the rest back a while later."""

    ok: bool = True
    lease_id: str
    amount_nano: str = Field(pattern=DIGITS)
    expires_at: str


class BudgetReturn(Message):
    """A gateway gives a slice back; `spent_nano` is the sum of its receipts on it."""

    lease_id: str = Field(max_length=32)
    spent_nano: str = Field(pattern=DIGITS)


class FleetList(Message):
    """Asks for the nodes that may get work."""


class FleetNode(Message):
    """One node as gateways see it."""

    id: str
    name: str
    public_key: str
    models: list[str]
    epoch: int
    policy_version: int
    is_accepting: bool


class FleetListed(Message):
    """All ready nodes that were seen lately."""

    ok: bool = True
    nodes: list[FleetNode]


class CredentialRenew(Message):
    """A node or gateway asks for its next credential."""

    public_key: str = Field(max_length=64)


class CredentialRenewed(Message):
    """The next user JWT, valid until `expires_at`."""

    ok: bool = True
    credential: str
    expires_at: str
