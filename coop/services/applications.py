"""Joining: a person applies, an admin approves, the payment of the membership share makes the member."""

import re
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from coop.core.actor import Actor, Role
from coop.core.errors import Conflict, Invalid, NotFound
from coop.core.ids import new_code, new_id
from coop.models.base import NAME_MAX, TEXT_MAX
from coop.models.members import Application, Member, MemberUser
from coop.models.users import User
from coop.rules.shares import price_order
from coop.services import events, members, shares

EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]{2,}")
EMAIL_MAX = 254
ADDRESS_MAX = 400
OPEN_STATES = frozenset({"applied", "approved"})
LIST_MAX = 200


def apply(
    session: Session,
    *,
    actor: Actor,
    name: str,
    email: str,
    address: str,
    reason: str,
    shares_micro: int,
    now: datetime,
) -> Application:
    """Write an application, and a user who cannot sign in yet for somebody new.

    A signed-in person applies as herself, whatever `email` says. Raises Invalid with fields, and Conflict
    `application.duplicate` when the address is taken: it says no more, for strangers must not learn who is a member.
    """
    share_class = shares.membership_class(session)
    _check(name=name, email=email, address=address, reason=reason)
    amount_minor = price_order(
        shares_micro, nominal_minor=share_class.nominal_minor, least_micro=share_class.least_micro
    )
    user = _applicant(session, actor=actor, name=name.strip(), email=email.strip().casefold(), now=now)
    application = Application(
        id=new_id(),
        user_id=user.id,
        name=name.strip(),
        email=user.email,
        address=address.strip(),
        reason=reason.strip(),
        shares_micro=shares_micro,
        amount_minor=amount_minor,
        reference=f"A-{new_code(2)}",
        applied_at=now,
    )
    _add_or_duplicate(session, application)
    events.record(
        session,
        kind="application.applied",
        subject=application.id,
        body={"application": application.id, "shares_micro": str(shares_micro), "amount_minor": str(amount_minor)},
        actor=actor,
        now=now,
    )
    return application


def approve(session: Session, *, application_id: str, actor: Actor, now: datetime, note: str = "") -> Application:
    """Approve an application; the applicant may pay now. Raises Forbidden unless an admin, NotFound, Conflict."""
    return _decide(session, application_id=application_id, state="approved", actor=actor, note=note, now=now)


def refuse(session: Session, *, application_id: str, actor: Actor, now: datetime, note: str = "") -> Application:
    """Refuse an application. Raises Forbidden unless an admin, NotFound, Conflict."""
    return _decide(session, application_id=application_id, state="refused", actor=actor, note=note, now=now)


def settle(session: Session, *, application: Application, actor: Actor, now: datetime) -> tuple[Member, str]:
    """Make the applicant a member: number, shares, ledger. Returns (member, entry id).

    Raises Conflict when the application is not waiting for its payment (any more).
    """
    if application.state != "approved":
        raise Conflict("payment.already_decided")
    member = members.enter(
        session,
        user_id=application.user_id,
        name=application.name,
        email=application.email,
        address=application.address,
        kind="person",
        actor=actor,
        now=now,
    )
    statement = (
        update(Application)
        .where(col(Application.id) == application.id, col(Application.state) == "approved")
        .values(state="joined", member_id=member.id)
    )
    if session.exec(statement).rowcount != 1:
        raise Conflict("payment.already_decided")
    entry_id = shares.issue(
        session,
        member_id=member.id,
        class_id=shares.membership_class(session).id,
        quantity_micro=application.shares_micro,
        amount_minor=application.amount_minor,
        key=f"application:{application.id}",
        reference=application.reference,
        actor=actor,
        now=now,
    )
    return member, entry_id


def get(session: Session, *, application_id: str, actor: Actor) -> Application:
    """Return an application to its applicant or an officer of the desk. Raises NotFound for everybody else."""
    application = session.get(Application, application_id)
    is_officer = actor.is_system or actor.has_role(Role.ADMIN, Role.TREASURER, Role.AUDITOR)
    if application is None or not (is_officer or (actor.user_id and application.user_id == actor.user_id)):
        raise NotFound("application.unknown")
    return application


def list_open(session: Session) -> list[Application]:
    """Return applications that wait for a decision or a payment: those to decide first, then oldest first."""
    statement = (
        select(Application)
        .where(col(Application.state).in_(OPEN_STATES))
        .order_by(col(Application.state).desc(), col(Application.id))
        .limit(LIST_MAX)
    )
    return list(session.exec(statement))


def list_decided(session: Session) -> list[Application]:
    """Return joined and refused applications, newest first, LIST_MAX at most."""
    statement = (
        select(Application)
        .where(col(Application.state).not_in(OPEN_STATES))
        .order_by(col(Application.id).desc())
        .limit(LIST_MAX)
    )
    return list(session.exec(statement))


def list_unpaid(session: Session) -> list[Application]:
    """Return approved applications, oldest first."""
    statement = select(Application).where(col(Application.state) == "approved").order_by(col(Application.id))
    return list(session.exec(statement))


def latest_of_user(session: Session, user_id: str) -> Application | None:
    """Return the user's newest application, or None."""
    statement = (
        select(Application).where(col(Application.user_id) == user_id).order_by(col(Application.id).desc()).limit(1)
    )
    return session.exec(statement).first()


def _check(*, name: str, email: str, address: str, reason: str) -> None:
    fields = {}
    if not 0 < len(name.strip()) <= NAME_MAX:
        fields["name"] = "application.name_wrong"
    if len(email.strip()) > EMAIL_MAX or not EMAIL.fullmatch(email.strip()):
        fields["email"] = "application.email_wrong"
    if len(address) > ADDRESS_MAX:
        fields["address"] = "application.address_too_long"
    if len(reason) > TEXT_MAX:
        fields["reason"] = "application.reason_too_long"
    if fields:
        raise Invalid(fields=fields)


def _applicant(session: Session, *, actor: Actor, name: str, email: str, now: datetime) -> User:
    known = session.get(User, actor.user_id) if actor.user_id else None
    if known is None:
        known = session.exec(select(User).where(col(User.email) == email)).first()
        if known is not None and not actor.is_system:  # a stranger must not act for an account that is not his
            raise Conflict("application.duplicate")
    if known is None:
        known = User(id=new_id(), email=email, name=name, created_at=now)
        _add_or_duplicate(session, known)
        return known
    if session.exec(select(MemberUser).where(col(MemberUser.user_id) == known.id)).first():
        raise Conflict("application.duplicate")
    return known


def _add_or_duplicate(session: Session, row: User | Application) -> None:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:  # the same address at the same moment, or an application that is still open
        raise Conflict("application.duplicate") from error


def _decide(
    session: Session, *, application_id: str, state: str, actor: Actor, note: str, now: datetime
) -> Application:
    actor.require_role(Role.ADMIN)
    application = get(session, application_id=application_id, actor=actor)
    statement = (
        update(Application)
        .where(col(Application.id) == application_id, col(Application.state) == "applied")
        .values(state=state, decided_at=now, decided_by=actor.label, decision_note=note.strip()[:TEXT_MAX])
    )
    if session.exec(statement).rowcount != 1:
        raise Conflict("application.already_decided")
    events.record(
        session,
        kind=f"application.{state}",
        subject=application_id,
        body={"application": application_id, "is_own": application.user_id == actor.user_id},
        actor=actor,
        now=now,
    )
    session.refresh(application)
    return application
