"""Payments that the co-op expects, and their confirmation: one reference, one exact amount, one effect."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlmodel import Session, col, select

from coop.core.actor import Actor, Role
from coop.core.errors import Conflict, Invalid, NotFound
from coop.core.money import EXPONENTS, decimal_text
from coop.models.credits import CreditDeposit
from coop.models.members import Application, Member
from coop.models.shares import ShareSubscription
from coop.rules.references import PREFIXES, normalise
from coop.services import applications, cooperatives, events, shares
from coop.services import credits as prepaid

Payable = Application | ShareSubscription | CreditDeposit
WAITING_STATES = frozenset({"waiting", "approved"})


@dataclass(frozen=True)
class Expected:
    """A payment that should arrive. `kind`: application, shares or credit. `state` is the object's own."""

    kind: str
    reference: str
    amount_minor: int
    name: str
    member_number: int | None
    shares_micro: int | None
    since_at: datetime
    state: str


@dataclass(frozen=True)
class Confirmed:
    """A payment that was matched and booked."""

    kind: str
    reference: str
    amount_minor: int
    member_id: str
    entry_id: str


def list_expected(session: Session, *, actor: Actor) -> list[Expected]:
    """Return all payments that should arrive, oldest first. Raises Forbidden unless a treasurer or an auditor asks."""
    actor.require_role(Role.TREASURER, Role.AUDITOR)
    rows: list[Payable] = [
        *applications.list_unpaid(session),
        *shares.list_waiting(session),
        *prepaid.list_waiting(session),
    ]
    return sorted((_expected(session, row) for row in rows), key=lambda row: (row.since_at, row.reference))


def find(session: Session, *, reference: str, actor: Actor) -> Expected:
    """Return the payment with a typed reference, paid or not. Raises Forbidden, Invalid, NotFound."""
    actor.require_role(Role.TREASURER, Role.AUDITOR)
    return _expected(session, _payable(session, reference))


def check(session: Session, *, reference: str, amount_minor: int, actor: Actor) -> Expected:
    """Return the payment that reference and amount match, and change nothing. Raises like `confirm`."""
    actor.require_role(Role.TREASURER)
    row = _payable(session, reference)
    _require_match(session, row, amount_minor)
    return _expected(session, row)


def confirm(session: Session, *, reference: str, amount_minor: int, actor: Actor, now: datetime) -> Confirmed:
    """Count a bank transfer: book it and do what it pays for.

    Raises Forbidden unless a treasurer acts, Invalid or NotFound for the reference, Conflict `payment.wrong_amount`
    with both amounts and `payment.already_decided` for a second confirmation.
    """
    actor.require_role(Role.TREASURER)
    row = _payable(session, reference)
    _require_match(session, row, amount_minor)
    member_id, entry_id = _settle(session, row, actor, now)
    kind = PREFIXES[row.reference[0]]
    events.record(
        session,
        kind="payment.confirmed",
        subject=entry_id,
        body={"entry": entry_id, "kind": kind, "reference": row.reference, "is_own": member_id == actor.member_id},
        actor=actor,
        now=now,
    )
    return Confirmed(kind, row.reference, amount_minor, member_id, entry_id)


def _settle(session: Session, row: Payable, actor: Actor, now: datetime) -> tuple[str, str]:
    match row:
        case Application():
            member, entry_id = applications.settle(session, application=row, actor=actor, now=now)
            return member.id, entry_id
        case ShareSubscription():
            return row.member_id, shares.settle(session, subscription=row, actor=actor, now=now)
        case CreditDeposit():
            return row.member_id, prepaid.settle(session, row=row, actor=actor, now=now)
        case _:
            assert_never(row)


def _payable(session: Session, reference: str) -> Payable:
    wanted = normalise(reference)
    if wanted is None:
        raise Invalid("payment.reference_wrong", fields={"reference": "payment.reference_wrong"})
    row: Payable | None
    match PREFIXES[wanted[0]]:
        case "application":
            row = session.exec(select(Application).where(col(Application.reference) == wanted)).first()
        case "shares":
            row = session.exec(select(ShareSubscription).where(col(ShareSubscription.reference) == wanted)).first()
        case _:
            row = session.exec(select(CreditDeposit).where(col(CreditDeposit.reference) == wanted)).first()
    if row is None:
        raise NotFound("payment.reference_unknown", reference=wanted)
    return row


def _require_match(session: Session, row: Payable, amount_minor: int) -> None:
    if row.state == "applied":
        raise Conflict("payment.not_approved")
    if row.state not in WAITING_STATES:
        raise Conflict("payment.already_decided")
    if row.amount_minor != amount_minor:
        currency = cooperatives.get(session).currency
        places = EXPONENTS[currency]
        raise Conflict(
            "payment.wrong_amount",
            expected=decimal_text(row.amount_minor, places),
            got=decimal_text(amount_minor, places),
            currency=currency,
        )


def _expected(session: Session, row: Payable) -> Expected:
    kind = PREFIXES[row.reference[0]]
    if isinstance(row, Application):
        since_at = row.decided_at or row.applied_at
        return Expected(kind, row.reference, row.amount_minor, row.name, None, row.shares_micro, since_at, row.state)
    member = session.get_one(Member, row.member_id)
    quantity = row.quantity_micro if isinstance(row, ShareSubscription) else None
    return Expected(
        kind, row.reference, row.amount_minor, member.name, member.number, quantity, row.created_at, row.state
    )
