"""Server-side sessions: the cookie holds a token, the table its digest. They end when idle, when old, and when
told to.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from coop.core.ids import new_token, token_digest
from coop.models.users import User, WebSession

IDLE = timedelta(hours=12)
LIFETIME = timedelta(days=7)


def create(session: Session, *, user_id: str, now: datetime) -> str:
    """Begin a session with a new token and return the token; the only time it is seen."""
    token = new_token()
    session.add(
        WebSession(
            id=token_digest(token),
            user_id=user_id,
            form_token=new_token(),
            created_at=now,
            seen_at=now,
            expires_at=now + LIFETIME,
        )
    )
    session.flush()
    return token


def find(session: Session, *, token: str, now: datetime) -> tuple[WebSession, User] | None:
    """Return the session of a token and its user, or None when it has ended, is idle, old, or the user is
    disabled.
    """
    return session.exec(
        select(WebSession, User)
        .join(User, col(User.id) == col(WebSession.user_id))
        .where(
            col(WebSession.id) == token_digest(token),
            col(WebSession.ended_at).is_(None),
            col(WebSession.expires_at) > now,
            col(WebSession.seen_at) > now - IDLE,
            col(User.disabled_at).is_(None),
        )
    ).one_or_none()


def touch(session: Session, *, session_id: str, now: datetime) -> None:
    """Note that the session was used."""
    session.exec(
        update(WebSession)
        .where(col(WebSession.id) == session_id, col(WebSession.ended_at).is_(None))
        .values(seen_at=now)
    )


def end(session: Session, *, session_id: str, now: datetime) -> None:
    """End one session; a second end changes nothing."""
    session.exec(
        update(WebSession)
        .where(col(WebSession.id) == session_id, col(WebSession.ended_at).is_(None))
        .values(ended_at=now)
    )


def end_all(session: Session, *, user_id: str, now: datetime) -> None:
    """End every session of a user."""
    session.exec(
        update(WebSession)
        .where(col(WebSession.user_id) == user_id, col(WebSession.ended_at).is_(None))
        .values(ended_at=now)
    )
