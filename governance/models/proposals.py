"""Proposals and their ballots. The roll says who voted; counted ballots say what; they are two tables."""

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from coop.models.base import (
    NAME_MAX,
    TEXT_MAX,
    Table,
    datetime,
    document,
    foreign,
    id_field,
    moment,
)


class Proposal(Table, table=True):
    """A wish to change something. For kind `policy`, `change` is {"section": name, "value": the new section or None}."""

    __table_args__ = (
        CheckConstraint("kind IN ('policy')", name="kind_known"),
        CheckConstraint("state IN ('ballot','passed','failed','enacted','lapsed')", name="state_known"),
    )
    id: str = id_field()
    number: int = Field(unique=True)
    kind: str = Field(default="policy", max_length=16)
    title: str = Field(max_length=NAME_MAX)
    reason: str = Field(default="", max_length=TEXT_MAX)
    change: dict[str, object] = document()
    before: dict[str, object] = document()
    author_id: str = foreign("member.id")
    state: str = Field(default="ballot", max_length=16)
    created_at: datetime = moment()


class Ballot(Table, table=True):
    """The vote on a proposal. Rule and electorate are frozen at opening; `verdict` is written once at close."""

    __table_args__ = (
        CheckConstraint("closes_at > opens_at", name="half_open"),
        CheckConstraint("electorate_size > 0", name="has_electorate"),
        CheckConstraint("(closed_at IS NULL) = (verdict IS NULL)", name="closed_has_verdict"),
    )
    id: str = id_field()
    proposal_id: str = Field(foreign_key="proposal.id", unique=True)
    rule: dict[str, object] = document()
    bylaws_version: int = Field(foreign_key="bylaws.version")
    electorate_size: int
    electorate_digest: str = Field(max_length=64)
    opens_at: datetime = moment()
    closes_at: datetime = moment(index=True)
    closed_at: datetime | None = moment(nullable=True)
    verdict: dict[str, object] | None = document(nullable=True)
    result_digest: str | None = Field(default=None, max_length=64)
    in_force_at: datetime | None = moment(nullable=True, index=True)


class RollEntry(Table, table=True):
    """One entitled member of one ballot. Until close `cast` holds what she chose last (open: plain; secret: ciphertext)."""

    __tablename__ = "ballot_roll"
    __table_args__ = (
        CheckConstraint("cast_number >= 0", name="cast_number_not_negative"),
        CheckConstraint("(cast_number = 0) = (voted_at IS NULL)", name="voted_has_cast"),
    )
    ballot_id: str = foreign("ballot.id", primary_key=True)
    member_id: str = foreign("member.id", primary_key=True)
    cast: dict[str, object] | None = document(nullable=True)
    cast_number: int = Field(default=0)
    receipt_code: str | None = Field(default=None, max_length=20)
    voted_at: datetime | None = moment(nullable=True)


class CountedBallot(Table, table=True):
    """One counted ballot, written at close in order of its code. Append-only."""

    __table_args__ = (
        UniqueConstraint("ballot_id", "code"),
        CheckConstraint("choice IN ('yes','no','abstain')", name="choice_known"),
    )
    id: str = id_field()
    ballot_id: str = foreign("ballot.id")
    code: str = Field(max_length=20)
    choice: str = Field(max_length=8)
