"""Shares: subscriptions wait for their payment; holdings are the sum of movements that are never changed."""

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from coop.models.base import (
    NAME_MAX,
    Table,
    big_integer,
    datetime,
    foreign,
    id_field,
    moment,
)


class ShareClass(Table, table=True):
    """A class of shares. Quantities are share_micro, `nominal_minor` is the price of one whole share."""

    __table_args__ = (
        CheckConstraint("nominal_minor > 0", name="nominal_positive"),
        CheckConstraint("least_micro > 0", name="least_positive"),
    )
    id: str = id_field()
    name: str = Field(max_length=NAME_MAX, unique=True)
    nominal_minor: int = big_integer()
    least_micro: int = big_integer()
    is_membership: bool = Field(default=False)


class ShareSubscription(Table, table=True):
    """Shares a member ordered and pays by bank transfer: waiting -> paid, or cancelled."""

    __table_args__ = (
        CheckConstraint("state IN ('waiting','paid','cancelled')", name="state_known"),
        CheckConstraint("quantity_micro > 0", name="quantity_positive"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )
    id: str = id_field()
    member_id: str = foreign("member.id")
    class_id: str = foreign("share_class.id")
    quantity_micro: int = big_integer()
    amount_minor: int = big_integer()
    reference: str = Field(max_length=20, unique=True)
    state: str = Field(default="waiting", max_length=16)
    created_at: datetime = moment()
    paid_at: datetime | None = moment(nullable=True)


class ShareMovement(Table, table=True):
    """One change of a holding. Append-only: a holding as of any date is the sum of movements up to then."""

    __table_args__ = (CheckConstraint("quantity_micro <> 0", name="quantity_not_zero"),)
    id: str = id_field()
    member_id: str = foreign("member.id")
    class_id: str = foreign("share_class.id")
    quantity_micro: int = big_integer()
    entry_id: str = foreign("ledger_entry.id")
    reason: str = Field(max_length=32)
    moved_at: datetime = moment(index=True)
