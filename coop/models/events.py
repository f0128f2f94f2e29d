"""The one log's storage: events, their places in the tree, and the signed heads. All append-only."""

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field

from coop.models.base import NAME_MAX, Table, datetime, document, id_field, moment


class Event(Table, table=True):
    """Something that happened in governance, membership, shares, ledger, policy or keys. Written with its cause."""

    id: str = id_field()
    kind: str = Field(max_length=48, index=True)
    subject: str = Field(default="", max_length=64, index=True)
    body: dict[str, object] = document()
    actor: str = Field(max_length=NAME_MAX)
    salt: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False))
    commitment: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))
    happened_at: datetime = moment(index=True)


class LogLeaf(Table, table=True):
    """The place of an event in the tree, given by control within a second of its commit."""

    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    event_id: str = Field(foreign_key="event.id", unique=True)
    leaf_hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))


class LogHead(Table, table=True):
    """A signed tree head: size, root, time. Peers keep it as witnesses."""

    id: str = id_field()
    size: int
    root: str = Field(max_length=64)
    key_id: str = Field(max_length=64)
    signature: str = Field(max_length=128)
    signed_at: datetime = moment(index=True)


class PolicyVersion(Table, table=True):
    """An enacted policy. `bundle` is the signed document once control has signed it; `digest` names the policy."""

    __tablename__ = "policy"
    epoch: int = Field(primary_key=True)
    version: int = Field(primary_key=True)
    body: dict[str, object] = document()
    digest: str = Field(max_length=64)
    proposal_id: str | None = Field(default=None, max_length=32)
    ballot_number: int | None = Field(default=None)
    result_digest: str | None = Field(default=None, max_length=64)
    valid_from: datetime = moment()
    expires_at: datetime = moment()
    enacted_at: datetime = moment()
    bundle: dict[str, object] | None = document(nullable=True)
    signed_at: datetime | None = moment(nullable=True)
