"""The register of members: readable as of any date. Numbers are given once, in order, and never again."""

from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from coop.core.actor import Actor
from coop.core.errors import Forbidden, NotFound
from coop.models.credits import CreditBalance
from coop.models.members import Member, MemberUser
from coop.services import cooperatives, events


def list_register(session: Session, at: datetime) -> list[Member]:
    """Return who was a member at that moment, by number."""
    statement = (
        select(Member)
        .where(col(Member.joined_at) <= at, or_(col(Member.left_at).is_(None), col(Member.left_at) > at))
        .order_by(col(Member.number))
    )
    return list(session.exec(statement))


def require_reader(actor: Actor) -> None:
    """Let members, officers and processes read the register. Raises Forbidden for everybody else."""
    if actor.member_id is None and not actor.roles and not actor.is_system:
        raise Forbidden("access.member_needed")


def list_entitled(session: Session, at: datetime) -> list[tuple[str, int]]:
    """Return (member id, number) of everybody who may vote at that moment, by number."""
    return [(member.id, member.number) for member in list_register(session, at)]


def count(session: Session, at: datetime) -> int:
    """Return how many members there were at that moment."""
    return len(list_register(session, at))


def get(session: Session, member_id: str) -> Member:
    """Return a member. Raises NotFound."""
    member = session.get(Member, member_id)
    if member is None:
        raise NotFound("member.unknown")
    return member


def by_number(session: Session, number: int) -> Member:
    """Return the member with that number of the register. Raises NotFound."""
    member = session.exec(select(Member).where(col(Member.number) == number)).first()
    if member is None:
        raise NotFound("member.unknown")
    return member


def of_user(session: Session, user_id: str) -> Member | None:
    """Return the member the user acts for, the first joined; None for somebody who is not in the register."""
    statement = (
        select(Member)
        .join(MemberUser, col(MemberUser.member_id) == col(Member.id))
        .where(col(MemberUser.user_id) == user_id, col(Member.left_at).is_(None))
        .order_by(col(Member.number))
        .limit(1)
    )
    return session.exec(statement).first()


def enter(
    session: Session, *, user_id: str, name: str, email: str, address: str, kind: str, actor: Actor, now: datetime
) -> Member:
    """Write a new member into the register, with the next number and an empty credit. Callers checked the payment."""
    cooperatives.lock(session)
    last = session.exec(select(func.max(Member.number))).one() or 0
    member = Member(number=last + 1, kind=kind, name=name, email=email, address=address, joined_at=now)
    session.add(member)
    session.flush()
    session.add(MemberUser(member_id=member.id, user_id=user_id, is_delegate=True))
    session.add(CreditBalance(member_id=member.id, available_nano=0))
    session.flush()
    events.record(
        session, kind="member.joined", subject=member.id, body={"member": member.id, "number": member.number},
        actor=actor, now=now,
    )  # fmt: skip
    return member
