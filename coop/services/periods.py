"""Accounting periods and the first two steps of their close: usage complete, costs entered. No step can be skipped."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select, update

from coop.core.actor import Actor, Role
from coop.core.clock import iso
from coop.core.errors import Conflict, Invalid, NotFound
from coop.core.ids import new_id
from coop.models.credits import Contribution
from coop.models.periods import AccountingPeriod, PeriodCost, UsagePosting
from coop.rules.usage_close import ClosedAccount, close_account
from coop.services import cooperatives, events, ledger

CONSUMER, PROVIDER = "consumer", "provider"
# The order of the close; each step is open when the period stands at the one before it.
STATES = ("open", "usage_complete", "costs_entered", "distributed", "paid")
COST_TEXT_MAX = 400


@dataclass(frozen=True)
class Use:
    """What the sub-ledger holds for one account: nano-units, receipts and tokens."""

    nano: int = 0
    receipts: int = 0
    quantity: int = 0


def list_periods(session: Session) -> list[AccountingPeriod]:
    """Return all periods, newest first."""
    return list(session.exec(select(AccountingPeriod).order_by(col(AccountingPeriod.starts_at).desc())))


def get(session: Session, period_id: str) -> AccountingPeriod:
    """Return a period. Raises NotFound."""
    period = session.get(AccountingPeriod, period_id)
    if period is None:
        raise NotFound("period.not_found")
    return period


def create(
    session: Session, *, actor: Actor, name: str, starts_at: datetime, ends_at: datetime, now: datetime
) -> AccountingPeriod:
    """Add the next period [starts_at, ends_at). Raises Invalid when it overlaps an older one or its name is taken."""
    actor.require_role(Role.TREASURER)
    if ends_at <= starts_at:
        raise Invalid(fields={"ends_at": "period.ends_before_start"})
    newest = session.exec(select(AccountingPeriod).order_by(col(AccountingPeriod.ends_at).desc()).limit(1)).first()
    if newest is not None and starts_at < newest.ends_at:
        raise Invalid(fields={"starts_at": "period.overlaps"}, name=newest.name, ends_at=iso(newest.ends_at))
    if session.exec(select(AccountingPeriod).where(AccountingPeriod.name == name)).first() is not None:
        raise Invalid(fields={"name": "period.name_taken"})
    period = AccountingPeriod(id=new_id(), name=name, starts_at=starts_at, ends_at=ends_at, created_at=now)
    session.add(period)
    session.flush()
    body: dict[str, object] = {"starts_at": iso(starts_at), "ends_at": iso(ends_at)}
    events.record(session, kind="period.created", subject=period.id, body=body, actor=actor, now=now)
    return period


def move(session: Session, period: AccountingPeriod, *, before: str, after: str) -> None:
    """Take one step of the close by a guarded UPDATE; `before` = `after` only holds the row. Raises Conflict."""
    moved = session.exec(
        update(AccountingPeriod)
        .where(col(AccountingPeriod.id) == period.id, col(AccountingPeriod.state) == before)
        .values(state=after)
    )
    if moved.rowcount == 0:
        session.refresh(period)
        raise Conflict("period.wrong_step", state=period.state)
    session.refresh(period)


def index_of(session: Session, period: AccountingPeriod) -> int:
    """Return how many periods came before this one: the rotation of spare cents."""
    earlier = (
        select(func.count()).select_from(AccountingPeriod).where(col(AccountingPeriod.starts_at) < period.starts_at)
    )
    return int(session.exec(earlier).one())


def _require_earlier_done(session: Session, period: AccountingPeriod) -> None:
    open_states = ("open", "usage_complete", "costs_entered")
    earlier = session.exec(
        select(AccountingPeriod)
        .where(col(AccountingPeriod.starts_at) < period.starts_at, col(AccountingPeriod.state).in_(open_states))
        .order_by(col(AccountingPeriod.starts_at))
    ).first()
    if earlier is not None:
        raise Conflict("period.earlier_open", name=earlier.name)


def complete_usage(session: Session, *, actor: Actor, period_id: str, now: datetime) -> AccountingPeriod:
    """Step 1: post the period's use and machine owners' pay to the ledger, in whole minor units per member and side.

    A receipt belongs to the first period that is not yet complete and ends after its use, so late ones come next time.
    Raises Conflict before the period is over, out of order, or the second time.
    """
    actor.require_role(Role.TREASURER)
    period = get(session, period_id)
    if now < period.ends_at:
        raise Conflict("period.not_over", ends_at=iso(period.ends_at))
    _require_earlier_done(session, period)
    move(session, period, before="open", after="usage_complete")
    postings = _post_usage(session, period)
    totals = _book_usage(session, period, postings, actor=actor, now=now)
    events.record(session, kind="period.usage_complete", subject=period.id, body=totals, actor=actor, now=now)
    return period


def _post_usage(session: Session, period: AccountingPeriod) -> list[UsagePosting]:
    currency = cooperatives.get(session).currency
    rows = []
    for side in (CONSUMER, PROVIDER):
        before, posted_before = _posted_before(session, side)
        for member_id, use in sorted(_used_until(session, side, period.ends_at).items()):
            earlier = before.get(member_id, Use())
            closed = close_account(
                used_before_nano=earlier.nano,
                posted_before_minor=posted_before.get(member_id, 0),
                used_total_nano=use.nano,
                currency=currency,
            )
            if closed.used_nano or closed.brought_nano or use.receipts > earlier.receipts:
                rows.append(_posting(period, member_id, side, closed, use, earlier))
    session.add_all(rows)
    session.flush()
    return rows


def _posting(
    period: AccountingPeriod, member_id: str, side: str, closed: ClosedAccount, use: Use, earlier: Use
) -> UsagePosting:
    return UsagePosting(
        id=new_id(),
        period_id=period.id,
        member_id=member_id,
        side=side,
        brought_nano=closed.brought_nano,
        used_nano=closed.used_nano,
        posted_minor=closed.posted_minor,
        carried_nano=closed.carried_nano,
        receipts=use.receipts - earlier.receipts,
        quantity=use.quantity - earlier.quantity,
    )


def _used_until(session: Session, side: str, ends_at: datetime) -> dict[str, Use]:
    """Return member -> everything recorded with used_at < ends_at."""
    member = col(Contribution.consumer_id if side == CONSUMER else Contribution.provider_id)
    nano = col(Contribution.cost_nano if side == CONSUMER else Contribution.earned_nano)
    rows = session.exec(
        select(member, func.sum(nano), func.count(), func.sum(Contribution.quantity))
        .where(col(Contribution.used_at) < ends_at)
        .group_by(member)
    )
    return {row[0]: Use(int(row[1]), int(row[2]), int(row[3])) for row in rows}


def _posted_before(session: Session, side: str) -> tuple[dict[str, Use], dict[str, int]]:
    """Return member -> use that earlier periods summed, and member -> minor units they posted."""
    rows = session.exec(
        select(  # type: ignore[call-overload]  # sqlmodel types select() up to four columns
            UsagePosting.member_id,
            func.sum(UsagePosting.used_nano),
            func.sum(UsagePosting.receipts),
            func.sum(UsagePosting.quantity),
            func.sum(UsagePosting.posted_minor),
        )
        .where(UsagePosting.side == side)
        .group_by(col(UsagePosting.member_id))
    ).all()
    used = {row[0]: Use(int(row[1]), int(row[2]), int(row[3])) for row in rows}
    return used, {row[0]: int(row[4]) for row in rows}


def _book_usage(
    session: Session, period: AccountingPeriod, postings: Iterable[UsagePosting], *, actor: Actor, now: datetime
) -> dict[str, object]:
    """Book one entry: consumers' credit becomes income, owners' pay becomes a cost that is owed to them."""
    lines = []
    income = pay = 0
    for row in postings:
        if row.posted_minor == 0:
            continue
        if row.side == CONSUMER:
            income += row.posted_minor
            lines.append(ledger.Line("member_credit", row.posted_minor, row.member_id))
        else:
            pay += row.posted_minor
            lines.append(ledger.Line("provider_payable", -row.posted_minor, row.member_id))
    totals = [ledger.Line("usage_income", -income), ledger.Line("provider_pay", pay)]
    lines += [line for line in totals if line.amount_minor]
    if lines:
        ledger.post(
            session,
            key=f"period:{period.id}:usage",
            kind="usage",
            text=f"Usage of {period.name}",
            detail={"period": period.id},
            postings=lines,
            actor=actor,
            now=now,
        )
    return {"income_minor": income, "provider_pay_minor": pay}


def enter_cost(
    session: Session, *, actor: Actor, period_id: str, text: str, amount_minor: int, now: datetime
) -> PeriodCost:
    """Enter one cost that did not come from receipts, paid from the bank. Open from step 1 until step 2 is done."""
    actor.require_role(Role.TREASURER)
    if amount_minor <= 0:
        raise Invalid(fields={"amount": "cost.not_positive"})
    if not text.strip():
        raise Invalid(fields={"text": "cost.no_text"})
    period = get(session, period_id)
    move(session, period, before="usage_complete", after="usage_complete")
    cost_id = new_id()
    entry = ledger.post(
        session,
        key=f"cost:{cost_id}",
        kind="cost",
        text=text[:COST_TEXT_MAX],
        detail={"period": period.id},
        postings=[ledger.Line("operating_cost", amount_minor), ledger.Line("bank", -amount_minor)],
        actor=actor,
        now=now,
    )
    cost = PeriodCost(
        id=cost_id,
        period_id=period.id,
        text=text[:COST_TEXT_MAX],
        amount_minor=amount_minor,
        entry_id=entry.id,
        entered_at=now,
        entered_by=actor.label,
    )
    session.add(cost)
    session.flush()
    body: dict[str, object] = {"cost": cost.id, "amount_minor": amount_minor}
    events.record(session, kind="period.cost_entered", subject=period.id, body=body, actor=actor, now=now)
    return cost


def complete_costs(session: Session, *, actor: Actor, period_id: str, now: datetime) -> AccountingPeriod:
    """Step 2: say that no cost is missing. Raises Conflict out of order."""
    actor.require_role(Role.TREASURER)
    period = get(session, period_id)
    move(session, period, before="usage_complete", after="costs_entered")
    events.record(session, kind="period.costs_entered", subject=period.id, body={}, actor=actor, now=now)
    return period


def list_costs(session: Session, period_id: str) -> list[PeriodCost]:
    """Return the costs entered for a period, in order of entry."""
    return list(session.exec(select(PeriodCost).where(PeriodCost.period_id == period_id).order_by(col(PeriodCost.id))))


def list_usage(session: Session, period_id: str) -> list[UsagePosting]:
    """Return what was posted and carried per member and side."""
    return list(
        session.exec(
            select(UsagePosting)
            .where(UsagePosting.period_id == period_id)
            .order_by(col(UsagePosting.side), col(UsagePosting.member_id))
        )
    )
