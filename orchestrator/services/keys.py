"""API keys of members. Their secrets are shown once and kept by digest only."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select, update

from coop.core.actor import Actor
from coop.core.errors import Conflict, Gone, Invalid, NotFound
from coop.core.ids import token_digest
from coop.models.base import NAME_MAX
from coop.models.members import Member
from coop.services import events
from orchestrator.models.keys import ApiKey

PREFIX = "alm_"
SHOWN_CHARS = 10  # of the secret, to recognise a key by
KEYS_MAX = 50  # of one member that are not revoked
USED_EVERY = timedelta(seconds=60)  # how exact "last used" is


@dataclass(frozen=True)
class NewKey:
    """A key and its secret, which is shown once."""

    key: ApiKey
    secret: str


@dataclass(frozen=True)
class KeyScope:
    """What a key may do. Empty `models` means all that are served."""

    key_id: str
    member_id: str
    models: tuple[str, ...]
    expires_at: datetime | None


def create(
    session: Session,
    *,
    actor: Actor,
    name: str,
    now: datetime,
    models: list[str] | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key for the actor's member. Its secret is in the answer and nowhere else."""
    member_id = actor.require_member()
    name = name.strip()
    if not name or len(name) > NAME_MAX:
        raise Invalid(fields={"name": "key.name_needed"})
    if expires_at is not None and expires_at <= now:
        raise Invalid(fields={"expires_on": "key.expiry_past"})
    held = session.exec(
        select(func.count()).select_from(ApiKey).where(ApiKey.member_id == member_id, col(ApiKey.revoked_at).is_(None))
    ).one()
    if held >= KEYS_MAX:
        raise Conflict("key.too_many", limit=KEYS_MAX)
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        member_id=member_id,
        name=name,
        prefix=secret[:SHOWN_CHARS],
        secret_digest=token_digest(secret),
        models=models or [],
        created_at=now,
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    events.record(session, kind="key.created", subject=key.id, body={"member": member_id}, actor=actor, now=now)
    return NewKey(key, secret)


def list_own(session: Session, *, actor: Actor) -> list[ApiKey]:
    """Return the keys of the actor's member, newest first."""
    statement = select(ApiKey).where(ApiKey.member_id == actor.require_member())
    return list(session.exec(statement.order_by(col(ApiKey.id).desc()).limit(500)))


def revoke(session: Session, *, key_id: str, actor: Actor, now: datetime) -> ApiKey:
    """End a key of the actor's member; gateways forget it within seconds. Raises NotFound for someone else's."""
    key = session.get(ApiKey, key_id)
    if key is None or key.member_id != actor.require_member():
        raise NotFound("key.unknown")
    ended = session.exec(
        update(ApiKey).where(col(ApiKey.id) == key_id, col(ApiKey.revoked_at).is_(None)).values(revoked_at=now)
    )
    if ended.rowcount == 0:
        raise Conflict("key.revoked")
    session.refresh(key)
    events.record(session, kind="key.revoked", subject=key.id, body={"member": key.member_id}, actor=actor, now=now)
    return key


def resolve(session: Session, *, digest: str, now: datetime) -> KeyScope:
    """Return what the key with this secret's digest may do. Reads only. Raises NotFound or Gone."""
    key = session.exec(select(ApiKey).where(ApiKey.secret_digest == digest)).first()
    if key is None:
        raise NotFound("key.unknown_secret")
    if key.revoked_at is not None:
        raise Gone("key.revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise Gone("key.expired")
    member = session.get(Member, key.member_id)
    if member is None or (member.left_at is not None and member.left_at <= now):
        raise Gone("key.member_left")
    return KeyScope(key.id, key.member_id, tuple(key.models), key.expires_at)


def note_used(session: Session, *, key_id: str, now: datetime) -> None:
    """Note when a key was last used, no more often than USED_EVERY."""
    is_due = col(ApiKey.used_at).is_(None) | (col(ApiKey.used_at) < now - USED_EVERY)
    session.exec(update(ApiKey).where(col(ApiKey.id) == key_id, is_due).values(used_at=now))
