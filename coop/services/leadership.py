"""Who leads: one row per office of processes, taken by compare-and-swap, with a fence that rises at every change."""

from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from coop.core.errors import Conflict
from coop.models.work import Leadership

LEASE = timedelta(seconds=4)


def claim(session: Session, *, name: str, holder: str, now: datetime) -> int | None:
    """Take or renew the lead for LEASE. Returns the fence, None while another one leads.

    A holder that renews in time keeps its fence; after a lapse even the same holder gets a higher one.
    """
    renewed = session.exec(
        update(Leadership)
        .where(col(Leadership.name) == name, col(Leadership.holder) == holder, col(Leadership.leased_until) > now)
        .values(leased_until=now + LEASE)
    )
    if renewed.rowcount == 0 and not _take(session, name, holder, now):
        return None
    return session.exec(select(Leadership.fence).where(Leadership.name == name)).one()


def _take(session: Session, name: str, holder: str, now: datetime) -> bool:
    taken = session.exec(
        update(Leadership)
        .where(col(Leadership.name) == name, col(Leadership.leased_until) <= now)
        .values(holder=holder, leased_until=now + LEASE, fence=Leadership.fence + 1)
    )
    if taken.rowcount:
        return True
    if session.exec(select(Leadership.name).where(Leadership.name == name)).first() is not None:
        return False
    try:
        with session.begin_nested():
            session.add(Leadership(name=name, holder=holder, fence=1, leased_until=now + LEASE))
    except IntegrityError:  # another one was first at the very first claim
        return False
    return True


def require(session: Session, *, name: str, fence: int) -> None:
    """Let the leader with this fence pass, and hold the row until the transaction ends. Raises Conflict.

    The guarded UPDATE changes nothing; it makes a change of leaders wait for this transaction, or this one see it.
    """
    held = session.exec(
        update(Leadership).where(col(Leadership.name) == name, col(Leadership.fence) == fence).values(fence=fence)
    )
    if held.rowcount == 0:
        raise Conflict("control.not_leader")


def release(session: Session, *, name: str, holder: str, now: datetime) -> None:
    """Give the lead back, so that the next one need not wait for the lease to run out."""
    session.exec(
        update(Leadership)
        .where(col(Leadership.name) == name, col(Leadership.holder) == holder, col(Leadership.leased_until) > now)
        .values(leased_until=now)
    )
