"""Slices of a member's credit for gateways: taken before they spend, the rest given back exactly once.

deposited = available + open leases + what closed leases hold back for receipts on their way + used.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from coop.core.errors import Conflict, InsufficientCredit, NotFound
from coop.services import credits as credit_service
from orchestrator.models.keys import BudgetLease

SLICE_NANO = 20_000_000  # two cents: few round trips for a busy member, little locked away for a poor one
VALID = timedelta(seconds=30)
GRACE = timedelta(seconds=30)  # after expiry, for work that was started just before it
HOLD = timedelta(hours=24)  # how long a closed lease keeps what its gateway said was spent, for receipts on their way
BATCH_MAX = 500


def lease(session: Session, *, member_id: str, gateway: str, least_nano: int, now: datetime) -> BudgetLease:
    """Take a slice out of the member's credit: SLICE_NANO, or `least_nano` if that is more, or all that is left.

    Raises InsufficientCredit when less than `least_nano` is left.
    """
    assert least_nano >= 0
    available = credit_service.available_nano(session, member_id=member_id)
    least = max(least_nano, 1)
    amount = max(least, min(available, SLICE_NANO))
    try:
        credit_service.take(session, member_id=member_id, nano=amount)
    except InsufficientCredit:
        if amount == least:
            raise
        amount = least  # another gateway took some of it between our look and our grasp
        credit_service.take(session, member_id=member_id, nano=amount)
    row = BudgetLease(member_id=member_id, gateway=gateway, amount_nano=amount, created_at=now, expires_at=now + VALID)
    session.add(row)
    session.flush()
    return row


def give_back(session: Session, *, lease_id: str, gateway: str, spent_nano: int, now: datetime) -> BudgetLease:
    """Close a lease at its gateway's word. What it says was spent stays held until the receipts are in.

    Raises NotFound for a lease of another gateway. A second return changes nothing.
    """
    row = session.get(BudgetLease, lease_id)
    if row is None or row.gateway != gateway:
        raise NotFound("budget.unknown_lease")
    _close(session, row, spent_nano=spent_nano, now=now)
    return row


def _close(session: Session, row: BudgetLease, *, spent_nano: int, now: datetime) -> bool:
    """Close an open lease and give its rest back, once. The rest is computed on the row as it is in the database."""
    session.refresh(row)
    settled = row.settled_nano
    kept = min(row.amount_nano, max(settled, spent_nano))
    rest = row.amount_nano - kept
    closed = session.exec(
        update(BudgetLease)
        .where(
            col(BudgetLease.id) == row.id,
            col(BudgetLease.state) == "open",
            col(BudgetLease.settled_nano) == settled,
        )
        .values(state="closed", closed_at=now, returned_nano=rest)
    )
    if closed.rowcount == 0:
        session.refresh(row)
        if row.state == "open":  # a receipt came in between; the caller's next try sees it
            raise Conflict("budget.busy")
        return False
    if rest:
        credit_service.give_back(session, member_id=row.member_id, nano=rest)
    session.refresh(row)
    return True


def settle(session: Session, *, lease_id: str, cost_nano: int) -> bool:
    """Charge a receipt to its lease: to what the lease holds, else to what it gave back, if the member still has it.

    False when neither covers it: the receipt must be flagged. So the receipts of a lease never exceed what was leased,
    whatever a machine signs that once saw it.
    """
    free = col(BudgetLease.amount_nano) - col(BudgetLease.returned_nano) - col(BudgetLease.settled_nano)
    charged = session.exec(
        update(BudgetLease)
        .where(col(BudgetLease.id) == lease_id, free >= cost_nano)
        .values(settled_nano=BudgetLease.settled_nano + cost_nano)
    )
    if charged.rowcount:
        return True
    row = session.get(BudgetLease, lease_id)
    assert row is not None, "the caller checked that the lease exists"
    try:
        with session.begin_nested():
            credit_service.take(session, member_id=row.member_id, nano=cost_nano)
            _take_back(session, lease_id, cost_nano)
    except InsufficientCredit:
        return False
    return True


def _take_back(session: Session, lease_id: str, cost_nano: int) -> None:
    """Settle out of what the lease returned. Raises InsufficientCredit when it did not return so much."""
    taken = session.exec(
        update(BudgetLease)
        .where(col(BudgetLease.id) == lease_id, col(BudgetLease.returned_nano) >= cost_nano)
        .values(returned_nano=BudgetLease.returned_nano - cost_nano, settled_nano=BudgetLease.settled_nano + cost_nano)
    )
    if taken.rowcount == 0:
        raise InsufficientCredit("credit.insufficient", needed_nano=str(cost_nano))


def close_expired(session: Session, now: datetime) -> int:
    """Take back the slices of gateways that were lost, and what closed leases held for receipts that never came."""
    statement = select(BudgetLease).where(BudgetLease.state == "open", col(BudgetLease.expires_at) <= now - GRACE)
    rows = list(session.exec(statement.order_by(col(BudgetLease.id)).limit(BATCH_MAX)))
    closed = sum(_close(session, row, spent_nano=0, now=now) for row in rows)
    return closed + _release_held(session, now)


def _release_held(session: Session, now: datetime) -> int:
    """Give back what is still held HOLD after a lease was closed."""
    held = col(BudgetLease.amount_nano) - col(BudgetLease.returned_nano) - col(BudgetLease.settled_nano)
    statement = select(BudgetLease).where(
        BudgetLease.state == "closed", col(BudgetLease.closed_at) <= now - HOLD, held > 0
    )
    count = 0
    for row in session.exec(statement.limit(BATCH_MAX)):
        rest = row.amount_nano - row.returned_nano - row.settled_nano
        released = session.exec(
            update(BudgetLease)
            .where(
                col(BudgetLease.id) == row.id,
                col(BudgetLease.returned_nano) == row.returned_nano,
                col(BudgetLease.settled_nano) == row.settled_nano,
            )
            .values(returned_nano=row.returned_nano + rest)
        )
        if released.rowcount:
            credit_service.give_back(session, member_id=row.member_id, nano=rest)
            count += 1
    return count
