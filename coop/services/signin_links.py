"""Links that sign a user in once. An officer hands them over; the table keeps the digest, never the link."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from coop.core.actor import Actor, Role
from coop.core.errors import Conflict, Gone
from coop.core.ids import new_token, token_digest
from coop.models.users import SigninLink, User
from coop.services import events, users

VALIDITY = timedelta(hours=72)
PURPOSE = "signin"


def create(session: Session, *, user_id: str, actor: Actor, now: datetime) -> str:
    """Make a sign-in link for a user and return its token; the only time it is seen. Earlier links end.

    An admin does it, or a process that set the user up. It is an event: officers can see who opened which door.
    Raises Forbidden, NotFound, Conflict.
    """
    if not actor.is_system:
        actor.require_role(Role.ADMIN)
    if users.get(session, user_id).disabled_at is not None:
        raise Conflict("user.disabled")
    session.exec(
        update(SigninLink)
        .where(col(SigninLink.user_id) == user_id, col(SigninLink.used_at).is_(None))
        .values(used_at=now)
    )
    token = new_token()
    session.add(
        SigninLink(
            id=token_digest(token),
            purpose=PURPOSE,
            user_id=user_id,
            created_at=now,
            created_by=actor.label,
            expires_at=now + VALIDITY,
        )
    )
    session.flush()
    events.record(session, kind="signin_link.created", subject=user_id, body={}, actor=actor, now=now)
    return token


def peek(session: Session, *, token: str, now: datetime) -> User:
    """Return whom a link would sign in, without using it. Raises Gone."""
    user = session.exec(
        select(User)
        .join(SigninLink, col(SigninLink.user_id) == col(User.id))
        .where(
            SigninLink.id == token_digest(token),
            SigninLink.purpose == PURPOSE,
            col(SigninLink.used_at).is_(None),
            col(SigninLink.expires_at) > now,
            col(User.disabled_at).is_(None),
        )
    ).one_or_none()
    if user is None:
        raise Gone("signin_link.gone")
    return user


def use(session: Session, *, token: str, now: datetime) -> User:
    """Use a link and return its user. Of parallel tries one wins. Raises Gone."""
    user = peek(session, token=token, now=now)
    used = session.exec(
        update(SigninLink)
        .where(
            col(SigninLink.id) == token_digest(token),
            col(SigninLink.used_at).is_(None),
            col(SigninLink.expires_at) > now,
        )
        .values(used_at=now)
    )
    if used.rowcount == 0:
        raise Gone("signin_link.gone")
    return user
