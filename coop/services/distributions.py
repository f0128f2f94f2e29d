"""Step 3 of a close: surplus or loss, shared by the by-laws' rule, and the entry that closes income and costs."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from coop.core.actor import Actor, Role
from coop.core.ids import new_id
from coop.models.ledger import Entry, Posting
from coop.models.members import Member
from coop.models.periods import AccountingPeriod, Distribution, DistributionLine, UsagePosting
from coop.rules.distribution import Part, Shared, share_out
from coop.services import cooperatives, events, ledger, periods

RESULT_ACCOUNTS = ("usage_income", "provider_pay", "operating_cost")


def of_period(session: Session, period_id: str) -> Distribution | None:
    """Return the period's distribution, or None before step 3."""
    return session.exec(select(Distribution).where(Distribution.period_id == period_id)).first()


def list_lines(session: Session, distribution_id: str) -> list[DistributionLine]:
    """Return all lines, by member and step."""
    return list(
        session.exec(
            select(DistributionLine)
            .where(DistributionLine.distribution_id == distribution_id)
            .order_by(col(DistributionLine.member_id), col(DistributionLine.step))
        )
    )


def paid_in_capital(session: Session, at: datetime) -> dict[str, int]:
    """Return member -> paid-in share capital in minor units, as booked before `at`."""
    rows = session.exec(
        select(Posting.member_id, func.sum(Posting.amount_minor))
        .join(Entry, col(Entry.id) == col(Posting.entry_id))
        .where(Posting.account_code == "share_capital", col(Entry.booked_at) < at)
        .group_by(col(Posting.member_id))
    )
    return {member_id: -int(total) for member_id, total in rows if member_id is not None and total}


def distribute(session: Session, *, actor: Actor, period_id: str, now: datetime) -> Distribution:
    """Share the period's result by the by-laws in force at `now` and close the result accounts. Raises Conflict."""
    actor.require_role(Role.TREASURER)
    period = periods.get(session, period_id)
    periods.move(session, period, before="costs_entered", after="distributed")
    version, bylaws = cooperatives.current_bylaws(session, now)
    balances = {account: ledger.balance(session, account) for account in RESULT_ACCOUNTS}
    usage = periods.list_usage(session, period_id)
    paid_in = paid_in_capital(session, period.ends_at)
    used = {row.member_id: row.posted_minor for row in usage if row.side == periods.CONSUMER}
    members = list(session.exec(select(Member.id).order_by(col(Member.number))))
    rotation = periods.index_of(session, period)
    period_s = int((period.ends_at - period.starts_at).total_seconds())
    shared = share_out(
        -sum(balances.values()),
        bylaws.distribution,
        members=members,
        paid_in_minor=paid_in,
        used_minor=used,
        period_s=period_s,
        rotation=rotation,
    )
    detail: dict[str, object] = {
        "paid_in_total_minor": sum(paid_in.values()),
        "used_total_minor": sum(used.values()),
        "period_s": period_s,
        "rotation": rotation,
        "rule": bylaws.distribution.model_dump(mode="json"),
    }
    distribution = _record(period, version, balances, shared, detail, actor=actor, now=now)
    session.add(distribution)
    session.flush()
    _add_lines(session, distribution, shared, usage, paid_in, used)
    _close_result(session, period, balances, shared, actor=actor, now=now)
    events.record(
        session,
        kind="period.distributed",
        subject=period.id,
        body={"surplus_minor": shared.surplus_minor, "shared_minor": shared.shared_minor, "bylaws": version},
        actor=actor,
        now=now,
    )
    return distribution


def _record(
    period: AccountingPeriod,
    version: int,
    balances: dict[str, int],
    shared: Shared,
    detail: dict[str, object],
    *,
    actor: Actor,
    now: datetime,
) -> Distribution:
    return Distribution(
        id=new_id(),
        period_id=period.id,
        bylaws_version=version,
        income_minor=-balances["usage_income"],
        cost_minor=balances["provider_pay"] + balances["operating_cost"],
        surplus_minor=shared.surplus_minor,
        reserve_minor=shared.reserve_minor,
        shared_minor=shared.shared_minor,
        detail={
            "provider_pay_minor": balances["provider_pay"],
            "other_cost_minor": balances["operating_cost"],
            "capital_minor": shared.capital_minor,
            "capital_cap_minor": shared.capital_cap_minor,
            "use_minor": shared.use_minor,
            "carried_minor": shared.carried_minor,
            **detail,
        },
        distributed_at=now,
        distributed_by=actor.label,
    )


def _add_lines(
    session: Session,
    distribution: Distribution,
    shared: Shared,
    usage: list[UsagePosting],
    paid_in: dict[str, int],
    used: dict[str, int],
) -> None:
    """Add one line per member and step, with every input that makes its amount."""

    def line(member_id: str, step: str, amount_minor: int, inputs: dict[str, object]) -> DistributionLine:
        return DistributionLine(
            id=new_id(),
            distribution_id=distribution.id,
            member_id=member_id,
            step=step,
            amount_minor=amount_minor,
            inputs=inputs,
        )

    for row in usage:
        if row.side == periods.PROVIDER:
            session.add(line(row.member_id, "contribution", row.posted_minor, _pay_inputs(row)))
    for step, total, weight_total, parts in (
        ("capital", shared.capital_minor, sum(paid_in.values()), shared.capital_parts),
        ("use", shared.use_minor, sum(used.values()), shared.use_parts),
    ):
        for part in parts:
            session.add(line(part.member_id, step, part.amount_minor, _part_inputs(part, total, weight_total)))
    session.flush()


def _pay_inputs(row: UsagePosting) -> dict[str, object]:
    return {
        "receipts": row.receipts,
        "quantity": str(row.quantity),
        "brought_nano": str(row.brought_nano),
        "earned_nano": str(row.used_nano),
        "carried_nano": str(row.carried_nano),
    }


def _part_inputs(part: Part, total_minor: int, weight_total_minor: int) -> dict[str, object]:
    return {
        "part_minor": str(total_minor),
        "weight_minor": str(part.weight_minor),
        "weight_total_minor": str(weight_total_minor),
        "has_spare_cent": part.has_spare_cent,
    }


def _close_result(
    session: Session,
    period: AccountingPeriod,
    balances: dict[str, int],
    shared: Shared,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Book the result: income and expense accounts to zero, into reserve, members' surplus and what is carried."""
    owed: dict[str, int] = {}
    for part in (*shared.capital_parts, *shared.use_parts):
        owed[part.member_id] = owed.get(part.member_id, 0) + part.amount_minor
    lines = [ledger.Line(account, -balance) for account, balance in balances.items()]
    lines += [ledger.Line("reserve", -shared.reserve_minor), ledger.Line("result_carried", -shared.carried_minor)]
    lines += [ledger.Line("surplus_payable", -amount, member_id) for member_id, amount in owed.items()]
    lines = [line for line in lines if line.amount_minor]
    if lines:
        ledger.post(
            session,
            key=f"period:{period.id}:result",
            kind="distribution",
            text=f"Result of {period.name}",
            detail={"period": period.id},
            postings=lines,
            actor=actor,
            now=now,
        )
