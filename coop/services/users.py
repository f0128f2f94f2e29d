"""Users: people who can sign in. A user is not a member; passwords are kept as argon2id and never shown again."""

from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlmodel import Session, col, select, update

from coop.core.actor import Actor, Role
from coop.core.errors import Conflict, Invalid, NotFound, NotSignedIn
from coop.models.users import Office, SigninLink, User
from coop.services import events, sessions

PASSWORD_LEAST = 12
PASSWORD_MOST = 256
LANGUAGES = frozenset({"en"})
THEMES = frozenset({"", "light", "dark"})

# RFC 9106's second choice: 64 MiB, three passes.
_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)


@cache
def _hash_of_nobody() -> str:
    """Return a hash to compare with where there is no user, so that the answer takes the same time."""
    return _hasher.hash("nobody has this password")


def create(session: Session, *, email: str, name: str, now: datetime) -> User:
    """Add a user without a password. Raises Conflict where the e-mail address is taken."""
    email = email.strip().casefold()
    if find_by_email(session, email) is not None:
        raise Conflict("user.email_taken")
    user = User(email=email, name=name, created_at=now)
    session.add(user)
    session.flush()
    return user


def find_by_email(session: Session, email: str) -> User | None:
    """Return the user of an e-mail address, disabled ones too."""
    return session.exec(select(User).where(User.email == email.strip().casefold())).one_or_none()


def get(session: Session, user_id: str) -> User:
    """Return a user. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("user.not_found")
    return user


def hold(session: Session, user_id: str) -> User:
    """Return a user whom no other transaction changes until this one ends. Raises NotFound."""
    statement = select(User).where(User.id == user_id).with_for_update()
    user = session.exec(statement.execution_options(populate_existing=True)).first()
    if user is None:
        raise NotFound("user.not_found")
    return user


def list_users(session: Session) -> list[tuple[User, list[str]]]:
    """Return every user with the offices held now, by name; those who can sign in come first."""
    offices: dict[str, list[str]] = {}
    for user_id, role in session.exec(select(Office.user_id, Office.role).where(col(Office.ended_at).is_(None))):
        offices.setdefault(user_id, []).append(role)
    users = session.exec(select(User).order_by(col(User.disabled_at).is_not(None), col(User.name)))
    return [(user, sorted(offices.get(user.id, []))) for user in users]


def check_password(password: str, email: str) -> None:
    """Hold a new password against the rules. Raises Invalid for the field `password`."""
    if len(password) < PASSWORD_LEAST:
        raise Invalid("password.too_short", fields={"password": "password.too_short"}, least=PASSWORD_LEAST)
    if len(password) > PASSWORD_MOST:
        raise Invalid("password.too_long", fields={"password": "password.too_long"}, most=PASSWORD_MOST)
    if password.casefold() == email:
        raise Invalid("password.same_as_email", fields={"password": "password.same_as_email"})


def hash_password(password: str) -> str:
    """Return the argon2id hash. Takes tens of milliseconds: call it before the transaction opens."""
    return _hasher.hash(password)


def set_password(session: Session, *, user_id: str, password_hash: str, now: datetime) -> None:
    """Keep a new password's hash (from `hash_password`); every session and every sign-in link of the user ends."""
    session.exec(update(User).where(col(User.id) == user_id).values(password_hash=password_hash))
    session.exec(
        update(SigninLink)
        .where(col(SigninLink.user_id) == user_id, col(SigninLink.used_at).is_(None))
        .values(used_at=now)
    )
    sessions.end_all(session, user_id=user_id, now=now)


def does_match(password: str, password_hash: str | None) -> bool:
    """Say whether a password fits its hash; as slow without a hash as with one."""
    try:
        _hasher.verify(password_hash or _hash_of_nobody(), password[:PASSWORD_MOST])
    except (VerifyMismatchError, InvalidHashError):
        return False
    return password_hash is not None


def authenticate(user: User | None, password: str) -> User:
    """Return the user whose password this is. Raises NotSignedIn, in the same words and time whatever is wrong."""
    fits = does_match(password, user.password_hash if user else None)
    if user is None or user.disabled_at is not None or not fits:
        raise NotSignedIn("signin.failed")
    return user


def set_preferences(session: Session, *, user_id: str, language: str, theme: str) -> None:
    """Remember a user's language and theme. Raises Invalid."""
    if language not in LANGUAGES or theme not in THEMES:
        raise Invalid("form.not_choice")
    session.exec(update(User).where(col(User.id) == user_id).values(language=language, theme=theme))


def disable(session: Session, *, user_id: str, actor: Actor, now: datetime) -> None:
    """Let a user sign in no more, end the sessions and the offices. Raises Forbidden, NotFound, Conflict."""
    actor.require_role(Role.ADMIN)
    get(session, user_id)
    if not has_other_admin(session, user_id):
        raise Conflict("user.last_admin")
    changed = session.exec(
        update(User).where(col(User.id) == user_id, col(User.disabled_at).is_(None)).values(disabled_at=now)
    )
    if changed.rowcount == 0:
        raise Conflict("user.already_disabled")
    session.exec(
        update(Office).where(col(Office.user_id) == user_id, col(Office.ended_at).is_(None)).values(ended_at=now)
    )
    sessions.end_all(session, user_id=user_id, now=now)
    events.record(session, kind="user.disabled", subject=user_id, body={}, actor=actor, now=now)


def has_other_admin(session: Session, user_id: str) -> bool:
    """Say whether another user is an admin. Holds the admins' offices, so that of two who end each other one waits."""
    statement = (
        select(Office)
        .where(Office.role == Role.ADMIN, col(Office.ended_at).is_(None))
        .order_by(col(Office.id))
        .with_for_update()
    )
    held = session.exec(statement.execution_options(populate_existing=True))
    return any(office.user_id != user_id for office in held.all())
