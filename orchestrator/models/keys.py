"""API keys and the slices of credit that gateways hold."""

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from coop.models.base import (
    NAME_MAX,
    Table,
    big_integer,
    datetime,
    document,
    foreign,
    id_field,
    moment,
)


class ApiKey(Table, table=True):
    """A member's key to the API. Only its digest is kept; `prefix` is what people recognise it by."""

    id: str = id_field()
    member_id: str = foreign("member.id")
    name: str = Field(max_length=NAME_MAX)
    prefix: str = Field(max_length=16)
    secret_digest: str = Field(max_length=64, unique=True)
    models: list[str] = document()
    created_at: datetime = moment()
    expires_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)
    used_at: datetime | None = moment(nullable=True)


class BudgetLease(Table, table=True):
    """A slice of a member's credit that one gateway may spend until `expires_at`: open -> closed, once.

    `settled_nano` is the sum of its receipts, `returned_nano` what went back to the member, never twice. A closed lease
    may hold the difference for receipts on their way.
    """

    __table_args__ = (
        CheckConstraint("state IN ('open','closed')", name="state_known"),
        CheckConstraint("amount_nano > 0", name="amount_positive"),
        CheckConstraint("settled_nano >= 0", name="settled_not_negative"),
        CheckConstraint("returned_nano >= 0", name="returned_not_negative"),
        CheckConstraint("settled_nano + returned_nano <= amount_nano", name="not_more_than_taken"),
    )
    id: str = id_field()
    member_id: str = foreign("member.id")
    gateway: str = Field(max_length=64)
    amount_nano: int = big_integer()
    settled_nano: int = big_integer(default=0)
    returned_nano: int = big_integer(default=0)
    state: str = Field(default="open", max_length=8, index=True)
    created_at: datetime = moment()
    expires_at: datetime = moment()
    closed_at: datetime | None = moment(nullable=True)


class Receipt(Table, table=True):
    """A signed statement of use, once per id. `body` is what the node signed; the gateway's signature follows by its own way."""

    __table_args__ = (
        CheckConstraint("state IN ('half','complete','flagged')", name="state_known"),
        CheckConstraint("cost_nano >= 0", name="cost_not_negative"),
    )
    id: str = Field(primary_key=True, max_length=32)
    lease_id: str = foreign("budget_lease.id")
    key_id: str = foreign("api_key.id")
    member_id: str = foreign("member.id")
    node_id: str = foreign("node.id")
    model: str = Field(max_length=NAME_MAX)
    tokens: int = big_integer()
    cost_nano: int = big_integer()
    body: dict[str, object] = document()
    node_signature: str = Field(max_length=128)
    gateway_signature: str | None = Field(default=None, max_length=128)
    state: str = Field(default="half", max_length=12, index=True)
    received_at: datetime = moment()
