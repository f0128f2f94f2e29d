"""Prepaid credit: deposits in whole minor units, spent in nano-units. The database refuses an overdraft."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select, update

from coop.core.actor import Actor, Role
from coop.core.errors import Conflict, InsufficientCredit, Invalid, NotFound
from coop.core.ids import new_code
from coop.core.money import AMOUNT_MINOR_MAX, nano_per_minor
from coop.models.credits import Contribution, CreditBalance, CreditDeposit
from coop.services import cooperatives, events, ledger, members
from coop.services.shares import WAITING_MAX, require_own


def deposit(session: Session, *, actor: Actor, member_id: str, amount_minor: int, now: datetime) -> CreditDeposit:
    """Announce a deposit; it counts once it is paid by its reference.

    Raises Forbidden for somebody else's member, Invalid unless 0 < amount <= AMOUNT_MINOR_MAX, Conflict with too many
    waiting.
    """
    require_own(actor, member_id)
    if amount_minor <= 0:
        raise Invalid("credit.not_positive", fields={"amount": "credit.not_positive"})
    if amount_minor > AMOUNT_MINOR_MAX:
        raise Invalid("money.too_large", fields={"amount": "money.too_large"})
    if len(list_waiting(session, member_id)) >= WAITING_MAX:
        raise Conflict("payment.too_many_waiting", limit=WAITING_MAX)
    row = CreditDeposit(member_id=member_id, amount_minor=amount_minor, reference=f"C-{new_code(2)}", created_at=now)
    session.add(row)
    session.flush()
    events.record(
        session, kind="credit.announced", subject=row.id,
        body={"member": member_id, "amount_minor": str(amount_minor)}, actor=actor, now=now,
    )  # fmt: skip
    return row


def cancel(session: Session, *, actor: Actor, deposit_id: str, now: datetime) -> CreditDeposit:
    """Take back a deposit that is not paid. Raises NotFound for somebody else's, Conflict once it is decided."""
    row = get_deposit(session, actor=actor, deposit_id=deposit_id)
    _decide(session, deposit_id, state="cancelled", paid_at=None)
    events.record(
        session, kind="credit.cancelled", subject=deposit_id, body={"member": row.member_id}, actor=actor, now=now
    )
    session.refresh(row)
    return row


def get_deposit(session: Session, *, actor: Actor, deposit_id: str) -> CreditDeposit:
    """Return a deposit that is the actor's own, or any for a treasurer. Raises NotFound otherwise."""
    row = session.get(CreditDeposit, deposit_id)
    if row is None or not (row.member_id == actor.member_id or actor.has_role(Role.TREASURER)):
        raise NotFound("credit.deposit_unknown")
    return row


def list_waiting(session: Session, member_id: str | None = None) -> list[CreditDeposit]:
    """Return deposits that wait for their payment, oldest first: of one member or of all."""
    statement = select(CreditDeposit).where(col(CreditDeposit.state) == "waiting")
    if member_id is not None:
        statement = statement.where(col(CreditDeposit.member_id) == member_id)
    return list(session.exec(statement.order_by(col(CreditDeposit.id))))


def list_deposits(session: Session, member_id: str) -> list[CreditDeposit]:
    """Return all deposits of a member, newest first."""
    statement = (
        select(CreditDeposit).where(col(CreditDeposit.member_id) == member_id).order_by(col(CreditDeposit.id).desc())
    )
    return list(session.exec(statement))


def settle(session: Session, *, row: CreditDeposit, actor: Actor, now: datetime) -> str:
    """Count a deposit as paid: ledger, then credit. Returns the entry's id. Raises Conflict once it is decided."""
    _decide(session, row.id, state="paid", paid_at=now)
    entry = ledger.post(
        session,
        key=f"credit:{row.id}",
        kind="credit.paid",
        text=f"Prepaid credit, {row.reference}",
        detail={"reference": row.reference},
        postings=[
            ledger.debit("bank", row.amount_minor),
            ledger.credit("member_credit", row.amount_minor, row.member_id),
        ],
        actor=actor,
        now=now,
    )
    currency = cooperatives.get(session).currency
    give_back(session, member_id=row.member_id, nano=row.amount_minor * nano_per_minor(currency))
    return entry.id


def available_nano(session: Session, member_id: str) -> int:
    """Return what a member may still spend or lease, in nano-units of the major unit."""
    statement = select(CreditBalance.available_nano).where(col(CreditBalance.member_id) == member_id)
    return session.exec(statement).first() or 0


@dataclass(frozen=True)
class CreditSummary:
    """Where prepaid credit went, in nano-units: deposited = used + held + available."""

    deposited_nano: int
    used_nano: int
    held_nano: int
    available_nano: int


def summarise(session: Session, member_id: str) -> CreditSummary:
    """Return what a member deposited, used, has held back for running requests, and may still spend."""
    currency = cooperatives.get(session).currency
    paid = select(func.coalesce(func.sum(CreditDeposit.amount_minor), 0)).where(
        col(CreditDeposit.member_id) == member_id, col(CreditDeposit.state) == "paid"
    )
    spent = select(func.coalesce(func.sum(Contribution.cost_nano), 0)).where(col(Contribution.consumer_id) == member_id)
    deposited = int(session.exec(paid).one()) * nano_per_minor(currency)
    used = int(session.exec(spent).one())
    available = available_nano(session, member_id)
    return CreditSummary(deposited, used, deposited - used - available, available)


def take(session: Session, *, member_id: str, nano: int) -> None:
    """Take nano-units from the available credit, whole or not at all. Raises InsufficientCredit."""
    assert nano >= 0
    statement = (
        update(CreditBalance)
        .where(col(CreditBalance.member_id) == member_id, col(CreditBalance.available_nano) >= nano)
        .values(available_nano=CreditBalance.available_nano - nano)
        .execution_options(synchronize_session=False)
    )
    if session.exec(statement).rowcount != 1:
        raise InsufficientCredit("credit.insufficient", needed_nano=str(nano))


def give_back(session: Session, *, member_id: str, nano: int) -> None:
    """Add nano-units to the available credit. Raises NotFound for somebody who is not in the register."""
    assert nano >= 0
    statement = (
        update(CreditBalance)
        .where(col(CreditBalance.member_id) == member_id)
        .values(available_nano=CreditBalance.available_nano + nano)
        .execution_options(synchronize_session=False)
    )
    if session.exec(statement).rowcount == 1:
        return
    members.get(session, member_id)
    session.add(CreditBalance(member_id=member_id, available_nano=nano))
    session.flush()


def record_usage(
    session: Session,
    *,
    source_id: str,
    consumer_id: str,
    provider_id: str,
    quantity: int,
    cost_nano: int,
    earned_nano: int,
    detail: dict[str, object],
    used_at: datetime,
) -> Contribution | None:
    """Write one use into the nano sub-ledger, once per `source_id`; None when it is known already."""
    assert 0 <= earned_nano <= cost_nano
    assert quantity >= 0
    if session.exec(select(Contribution.id).where(col(Contribution.source_id) == source_id)).first():
        return None
    row = Contribution(
        source_id=source_id,
        consumer_id=consumer_id,
        provider_id=provider_id,
        quantity=quantity,
        cost_nano=cost_nano,
        earned_nano=earned_nano,
        detail=detail,
        used_at=used_at,
    )
    members.get(session, consumer_id)
    members.get(session, provider_id)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # the same receipt arrived twice at once; both members exist, so nothing else can clash
        return None
    return row


def _decide(session: Session, deposit_id: str, *, state: str, paid_at: datetime | None) -> None:
    statement = (
        update(CreditDeposit)
        .where(col(CreditDeposit.id) == deposit_id, col(CreditDeposit.state) == "waiting")
        .values(state=state, paid_at=paid_at)
    )
    if session.exec(statement).rowcount != 1:
        raise Conflict("payment.already_decided")
