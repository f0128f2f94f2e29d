"""Payout runs: frozen by content hash, approved over that hash by another human than the preparer, then paid."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
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


class PayoutRun(Table, table=True):
    """One batch: prepared -> approved -> paid. Triggers refuse `approved` without an approval of this very hash."""

    __table_args__ = (
        CheckConstraint("state IN ('prepared','approved','paid')", name="state_known"),
        CheckConstraint("total_minor >= 0", name="total_not_negative"),
        UniqueConstraint("id", "prepared_by", "content_digest", name="uq_payout_run_frozen"),
    )
    id: str = id_field()
    number: str = Field(max_length=20, unique=True)
    period_id: str = Field(foreign_key="accounting_period.id", unique=True)
    state: str = Field(default="prepared", max_length=16)
    total_minor: int = big_integer()
    content: dict[str, object] = document()
    content_digest: str = Field(max_length=64)
    prepared_by: str = foreign("user_account.id")
    prepared_at: datetime = moment()
    approved_at: datetime | None = moment(nullable=True)
    paid_at: datetime | None = moment(nullable=True)
    paid_by: str | None = Field(default=None, max_length=NAME_MAX)


class Payout(Table, table=True):
    """One member's row of a run. Its amount is the sum of her distribution lines."""

    __table_args__ = (
        UniqueConstraint("run_id", "member_id"),
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
    )
    id: str = id_field()
    number: str = Field(max_length=24, unique=True)
    run_id: str = foreign("payout_run.id")
    member_id: str = foreign("member.id")
    amount_minor: int = big_integer()


class PayoutApproval(Table, table=True):
    """A signature over the content hash. The row repeats preparer and hash so that the database can compare them."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "prepared_by", "content_digest"],
            ["payout_run.id", "payout_run.prepared_by", "payout_run.content_digest"],
            name="fk_payout_approval_frozen",
        ),
        CheckConstraint("approved_by <> prepared_by", name="four_eyes"),
        UniqueConstraint("run_id", "approved_by"),
    )
    id: str = id_field()
    run_id: str = Field(max_length=32, index=True)
    prepared_by: str = Field(max_length=32)
    content_digest: str = Field(max_length=64)
    approved_by: str = foreign("user_account.id")
    approved_at: datetime = moment()
