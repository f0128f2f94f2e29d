"""The register of members, and the applications that lead into it. A person or an organisation, not a user."""

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from coop.models.base import (
    NAME_MAX,
    TEXT_MAX,
    Table,
    big_integer,
    datetime,
    foreign,
    id_field,
    moment,
)


class Member(Table, table=True):
    """An entry of the register. `number` is given at joining and never again."""

    __table_args__ = (
        CheckConstraint("kind IN ('person','organisation')", name="kind_known"),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("left_at IS NULL OR left_at > joined_at", name="leaves_after_joining"),
    )
    id: str = id_field()
    number: int = Field(unique=True)
    kind: str = Field(default="person", max_length=16)
    name: str = Field(max_length=NAME_MAX)
    email: str = Field(max_length=254)
    address: str = Field(default="", max_length=400)
    joined_at: datetime = moment()
    left_at: datetime | None = moment(nullable=True)


class MemberUser(Table, table=True):
    """Which user acts for which member. An organisation may have several; exactly one of them votes."""

    __table_args__ = (
        Index(
            "uq_member_user_delegate", "member_id", unique=True,
            sqlite_where=text("is_delegate = 1"), postgresql_where=text("is_delegate"),
        ),
    )  # fmt: skip
    member_id: str = foreign("member.id", primary_key=True)
    user_id: str = foreign("user_account.id", primary_key=True)
    is_delegate: bool = Field(default=True)


class Application(Table, table=True):
    """A wish to join: applied -> approved (now pays) -> joined, or refused. `reference` is for the bank transfer."""

    __table_args__ = (
        CheckConstraint("state IN ('applied','approved','joined','refused')", name="state_known"),
        CheckConstraint("shares_micro > 0", name="shares_positive"),
        CheckConstraint("(state = 'joined') = (member_id IS NOT NULL)", name="joined_has_member"),
        Index(
            "uq_application_open_email", "email", unique=True,
            sqlite_where=text("state IN ('applied','approved')"), postgresql_where=text("state IN ('applied','approved')"),
        ),
    )  # fmt: skip
    id: str = id_field()
    user_id: str = foreign("user_account.id")
    name: str = Field(max_length=NAME_MAX)
    email: str = Field(max_length=254)
    address: str = Field(default="", max_length=400)
    reason: str = Field(default="", max_length=TEXT_MAX)
    shares_micro: int = big_integer()
    amount_minor: int = big_integer()
    reference: str = Field(max_length=20, unique=True)
    state: str = Field(default="applied", max_length=16)
    applied_at: datetime = moment()
    decided_at: datetime | None = moment(nullable=True)
    decided_by: str | None = Field(default=None, max_length=NAME_MAX)
    decision_note: str = Field(default="", max_length=TEXT_MAX)
    member_id: str | None = foreign("member.id", nullable=True)
