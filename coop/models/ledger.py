"""The ledger: double entry, append-only. Amounts are minor units; debits are positive, credits negative."""

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


class Account(Table, table=True):
    """An account of the chart. `code` is its stable name, e.g. `bank`, `member_credit`."""

    __tablename__ = "ledger_account"
    __table_args__ = (CheckConstraint("kind IN ('asset','liability','equity','income','expense')", name="kind_known"),)
    code: str = Field(primary_key=True, max_length=40)
    number: int = Field(unique=True)
    name: str = Field(max_length=NAME_MAX)
    kind: str = Field(max_length=16)
    is_per_member: bool = Field(default=False)


class Entry(Table, table=True):
    """One booking. Its postings sum to zero; the same idempotency key never books twice."""

    __tablename__ = "ledger_entry"
    id: str = id_field()
    idempotency_key: str = Field(max_length=160, unique=True)
    inputs_digest: str = Field(max_length=64)
    kind: str = Field(max_length=40)
    text: str = Field(default="", max_length=400)
    detail: dict[str, object] = document()
    reverses_id: str | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)
    booked_at: datetime = moment(index=True)
    booked_by: str = Field(max_length=NAME_MAX)


class Posting(Table, table=True):
    """One line of an entry. `member_id` is the sub-account where the account is kept per member."""

    __tablename__ = "ledger_posting"
    __table_args__ = (CheckConstraint("amount_minor <> 0", name="amount_not_zero"),)
    id: str = id_field()
    entry_id: str = foreign("ledger_entry.id")
    account_code: str = foreign("ledger_account.code")
    member_id: str | None = foreign("member.id", nullable=True)
    amount_minor: int = big_integer()
