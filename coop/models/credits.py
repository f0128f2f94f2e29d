"""Prepaid credit and the nano-unit sub-ledger of usage. Whole cents reach the ledger once per account and period."""

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from coop.models.base import (
    Table,
    big_integer,
    datetime,
    document,
    foreign,
    id_field,
    moment,
)


class CreditDeposit(Table, table=True):
    """Money a member announced for prepaid credit: waiting -> paid, or cancelled."""

    __table_args__ = (
        CheckConstraint("state IN ('waiting','paid','cancelled')", name="state_known"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )
    id: str = id_field()
    member_id: str = foreign("member.id")
    amount_minor: int = big_integer()
    reference: str = Field(max_length=20, unique=True)
    state: str = Field(default="waiting", max_length=16)
    created_at: datetime = moment()
    paid_at: datetime | None = moment(nullable=True)


class CreditBalance(Table, table=True):
    """What a member may still spend. deposited = available + open leases + used; the database refuses an overdraft."""

    __table_args__ = (CheckConstraint("available_nano >= 0", name="no_overdraft"),)
    member_id: str = foreign("member.id", primary_key=True)
    available_nano: int = big_integer(default=0)


class Contribution(Table, table=True):
    """One use of the grid as the co-op's books see it: who paid, who earned, for what. Append-only.

    `source_id` is the receipt's id. `cost_nano` is what the consumer paid, `earned_nano` what the machine's owner gets.
    """

    __table_args__ = (
        CheckConstraint("cost_nano >= 0 AND earned_nano >= 0 AND earned_nano <= cost_nano", name="amounts_sane"),
        CheckConstraint("quantity >= 0", name="quantity_not_negative"),
    )
    id: str = id_field()
    source_id: str = Field(max_length=64, unique=True)
    kind: str = Field(default="compute", max_length=16)
    consumer_id: str = foreign("member.id")
    provider_id: str = foreign("member.id")
    quantity: int = big_integer()
    unit: str = Field(default="token", max_length=16)
    cost_nano: int = big_integer()
    earned_nano: int = big_integer()
    detail: dict[str, object] = document()
    used_at: datetime = moment(index=True)
