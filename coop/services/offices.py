"""Offices: roles that users hold for a time. Those that must not meet in one person are refused here."""

from datetime import datetime

from sqlmodel import Session, col, select, update

from coop.core.actor import INCOMPATIBLE_ROLES, Actor, Role
from coop.core.errors import Conflict, Invalid
from coop.models.users import Office
from coop.services import events, users


def list_held(session: Session, user_id: str) -> list[Role]:
    """Return the offices a user holds now, sorted."""
    rows = session.exec(select(Office.role).where(Office.user_id == user_id, col(Office.ended_at).is_(None)))
    return sorted(Role(row) for row in rows)


def list_history(session: Session, user_id: str) -> list[Office]:
    """Return every office a user ever held, newest first."""
    return list(session.exec(select(Office).where(Office.user_id == user_id).order_by(col(Office.granted_at).desc())))


def list_holders(session: Session, role: Role) -> list[str]:
    """Return the user ids that hold an office now."""
    return list(session.exec(select(Office.user_id).where(Office.role == role, col(Office.ended_at).is_(None))))


def read_role(text: str) -> Role:
    """Return the office of a name. Raises Invalid."""
    if text not in set(Role):
        raise Invalid("office.not_known", fields={"role": "office.not_known"})
    return Role(text)


def grant(session: Session, *, user_id: str, role: Role, actor: Actor, now: datetime) -> Office:
    """Give an office to a user. An admin does it, or the process that founds the co-op.

    Raises Forbidden; Conflict where it is held already or must not meet another office of the same user.
    """
    if not actor.is_system:
        actor.require_role(Role.ADMIN)
    user = users.hold(session, user_id)  # so that two offices that must not meet are not granted at once
    if user.disabled_at is not None:
        raise Conflict("user.disabled")
    held = list_held(session, user_id)
    if role in held:
        raise Conflict("office.held_already")
    for other in held:
        if frozenset({role, other}) in INCOMPATIBLE_ROLES:
            raise Conflict("office.incompatible", role=role.value, held=other.value)
    office = Office(user_id=user_id, role=role.value, granted_at=now, granted_by=actor.label)
    session.add(office)
    session.flush()
    events.record(session, kind="office.granted", subject=user_id, body={"role": role.value}, actor=actor, now=now)
    return office


def end(session: Session, *, user_id: str, role: Role, actor: Actor, now: datetime) -> None:
    """End an office. Raises Forbidden; Conflict where it is not held, or would leave the co-op without an admin."""
    if not actor.is_system:
        actor.require_role(Role.ADMIN)
    if role is Role.ADMIN and not users.has_other_admin(session, user_id):
        raise Conflict("user.last_admin")
    ended = session.exec(
        update(Office)
        .where(col(Office.user_id) == user_id, col(Office.role) == role.value, col(Office.ended_at).is_(None))
        .values(ended_at=now)
    )
    if ended.rowcount == 0:
        raise Conflict("office.not_held")
    events.record(session, kind="office.ended", subject=user_id, body={"role": role.value}, actor=actor, now=now)
