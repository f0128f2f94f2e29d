"""Accounting periods and their close: a task list that cannot skip a step."""

from sqlalchemy import CheckConstraint, UniqueConstraint
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


class AccountingPeriod(Table, table=True):
    """A half-open stretch [starts_at, ends_at). `state` is the last step that is done.

    open -> usage_complete -> costs_entered -> distributed -> paid
    """

    __table_args__ = (
        CheckConstraint("state IN ('open','usage_complete','costs_entered','distributed','paid')", name="state_known"),
        CheckConstraint("ends_at > starts_at", name="half_open"),
    )
    id: str = id_field()
    name: str = Field(max_length=NAME_MAX, unique=True)
    starts_at: datetime = moment()
    ends_at: datetime = moment()
    state: str = Field(default="open", max_length=20)
    created_at: datetime = moment()


class PeriodCost(Table, table=True):
    """A cost of the period that did not come from receipts: power, rent, connection."""

    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"),)
    id: str = id_field()
    period_id: str = foreign("accounting_period.id")
    text: str = Field(max_length=400)
    amount_minor: int = big_integer()
    entry_id: str = foreign("ledger_entry.id")
    entered_at: datetime = moment()
    entered_by: str = Field(max_length=NAME_MAX)


class UsagePosting(Table, table=True):
    """What of the nano sub-ledger was posted for one account and period, and what is carried forward.

    side: `consumer` (use charged to prepaid credit) or `provider` (pay earned). whole + carried = brought + used exactly.
    """

    __table_args__ = (
        UniqueConstraint("period_id", "member_id", "side"),
        CheckConstraint("side IN ('consumer','provider')", name="side_known"),
    )
    id: str = id_field()
    period_id: str = foreign("accounting_period.id")
    member_id: str = foreign("member.id")
    side: str = Field(max_length=8)
    brought_nano: int = big_integer()
    used_nano: int = big_integer()
    posted_minor: int = big_integer()
    carried_nano: int = big_integer()
    receipts: int = Field(default=0)
    quantity: int = big_integer(default=0)


class Distribution(Table, table=True):
    """The period's result and how the by-laws' rule shared it. `surplus_minor` is negative for a loss."""

    id: str = id_field()
    period_id: str = Field(foreign_key="accounting_period.id", unique=True)
    bylaws_version: int = Field(foreign_key="bylaws.version")
    income_minor: int = big_integer()
    cost_minor: int = big_integer()
    surplus_minor: int = big_integer()
    reserve_minor: int = big_integer()
    shared_minor: int = big_integer()
    detail: dict[str, object] = document()
    distributed_at: datetime = moment()
    distributed_by: str = Field(max_length=NAME_MAX)


class DistributionLine(Table, table=True):
    """One member's part of one step, with the inputs that make it: every cent can be derived again."""

    __table_args__ = (
        UniqueConstraint("distribution_id", "member_id", "step"),
        CheckConstraint("step IN ('contribution','use','capital')", name="step_known"),
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
    )
    id: str = id_field()
    distribution_id: str = foreign("distribution.id")
    member_id: str = foreign("member.id")
    step: str = Field(max_length=16)
    amount_minor: int = big_integer()
    inputs: dict[str, object] = document()
