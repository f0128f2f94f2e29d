"""Users sign in; they are not members. Sessions and sign-in links are kept by digest, never by their secret."""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from coop.models.base import NAME_MAX, Table, datetime, foreign, id_field, moment


class User(Table, table=True):
    """Somebody who can sign in. `email` is stored case-folded."""

    __tablename__ = "user_account"
    id: str = id_field()
    email: str = Field(max_length=254, unique=True)
    name: str = Field(max_length=NAME_MAX)
    password_hash: str | None = Field(default=None, max_length=400)
    language: str = Field(default="en", max_length=8)
    theme: str = Field(default="", max_length=8)
    created_at: datetime = moment()
    disabled_at: datetime | None = moment(nullable=True)


class Office(Table, table=True):
    """A role held by a user from `granted_at` until `ended_at`."""

    __table_args__ = (
        CheckConstraint("role IN ('admin','treasurer','approver','sysadmin','auditor')", name="role_known"),
        Index(
            "uq_office_held", "user_id", "role", unique=True,
            sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip
    id: str = id_field()
    user_id: str = foreign("user_account.id")
    role: str = Field(max_length=16)
    granted_at: datetime = moment()
    granted_by: str = Field(max_length=NAME_MAX)
    ended_at: datetime | None = moment(nullable=True)


class WebSession(Table, table=True):
    """A signed-in browser. `id` is the digest of the cookie's token."""

    id: str = Field(primary_key=True, max_length=64)
    user_id: str = foreign("user_account.id")
    form_token: str = Field(max_length=64)
    created_at: datetime = moment()
    seen_at: datetime = moment()
    expires_at: datetime = moment()
    ended_at: datetime | None = moment(nullable=True)


class SigninLink(Table, table=True):
    """A link that works once: `setup` makes the first admin, `signin` is handed over by an officer."""

    __table_args__ = (CheckConstraint("purpose IN ('setup','signin')", name="purpose_known"),)
    id: str = Field(primary_key=True, max_length=64)
    purpose: str = Field(max_length=8)
    user_id: str | None = foreign("user_account.id", nullable=True)
    created_at: datetime = moment()
    created_by: str = Field(max_length=NAME_MAX)
    expires_at: datetime = moment()
    used_at: datetime | None = moment(nullable=True)


class Throttle(Table, table=True):
    """A token bucket, shared by all workers. `milli_tokens` are thousandths of one try."""

    key: str = Field(primary_key=True, max_length=160)
    milli_tokens: int
    updated_at: datetime = moment()


class RequestKey(Table, table=True):
    """An idempotency key with the answer its first request got, written in the same transaction as the effect."""

    __table_args__ = (UniqueConstraint("actor", "key"),)
    id: str = id_field()
    actor: str = Field(max_length=64)
    key: str = Field(max_length=64)
    body_digest: str = Field(max_length=64)
    location: str = Field(max_length=400)
    created_at: datetime = moment()
