"""Payout runs: prepared and frozen, approved by another human over the hash, marked paid. The one choke point of P1.

Every way to a signature or a payment (page, script, command line) ends in `approve` and `mark_paid` here; the database
refuses the same things again by constraint and trigger.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select, update

from coop.core.actor import Actor, Role
from coop.core.clock import iso
from coop.core.errors import Conflict, Forbidden, NotFound, Tampered
from coop.core.ids import new_id
from coop.core.money import EXPONENTS, decimal_text
from coop.core.signing import digest
from coop.models.members import Member, MemberUser
from coop.models.payouts import Payout, PayoutApproval, PayoutRun
from coop.models.periods import AccountingPeriod, Distribution, DistributionLine, UsagePosting
from coop.models.users import Office, User
from coop.rules.payouts import CONTENT_FORMAT, minor_of, signed_text, sum_of_rows, why_not_approve
from coop.services import cooperatives, distributions, events, ledger, periods, tasks

DOCUMENTS_TASK = "payout.documents"
STEP_ACCOUNTS = {"contribution": "provider_payable", "use": "surplus_payable", "capital": "surplus_payable"}


def list_runs(session: Session) -> list[PayoutRun]:
    """Return all runs, newest first."""
    return list(session.exec(select(PayoutRun).order_by(col(PayoutRun.number).desc())))


def list_waiting(session: Session) -> list[PayoutRun]:
    """Return runs that wait for the second signature."""
    return list(session.exec(select(PayoutRun).where(PayoutRun.state == "prepared").order_by(col(PayoutRun.number))))


def get(session: Session, run_id: str) -> PayoutRun:
    """Return a run. Raises NotFound."""
    run = session.get(PayoutRun, run_id)
    if run is None:
        raise NotFound("payout.not_found")
    return run


def of_period(session: Session, period_id: str) -> PayoutRun | None:
    """Return the period's run, or None."""
    return session.exec(select(PayoutRun).where(PayoutRun.period_id == period_id)).first()


def list_payouts(session: Session, run_id: str) -> list[Payout]:
    """Return the rows of a run, by number."""
    return list(session.exec(select(Payout).where(Payout.run_id == run_id).order_by(col(Payout.number))))


def list_approvals(session: Session, run_id: str) -> list[tuple[PayoutApproval, str]]:
    """Return (approval, name of who signed)."""
    rows = session.exec(
        select(PayoutApproval, User.name)
        .join(User, col(User.id) == col(PayoutApproval.approved_by))
        .where(PayoutApproval.run_id == run_id)
    )
    return [(row[0], row[1]) for row in rows]


def list_own(session: Session, member_id: str) -> list[tuple[Payout, PayoutRun]]:
    """Return a member's payouts with their runs, newest first."""
    rows = session.exec(
        select(Payout, PayoutRun)
        .join(PayoutRun, col(PayoutRun.id) == col(Payout.run_id))
        .where(Payout.member_id == member_id)
        .order_by(col(Payout.number).desc())
    )
    return [(row[0], row[1]) for row in rows]


def get_payout(session: Session, *, payout_id: str, actor: Actor) -> tuple[Payout, PayoutRun]:
    """Return one payout: for its member, treasurer, approver and auditor. Raises NotFound for everybody else."""
    payout = session.get(Payout, payout_id)
    may_see = payout is not None and (
        actor.member_id == payout.member_id or actor.has_role(Role.TREASURER, Role.APPROVER, Role.AUDITOR)
    )
    if payout is None or not may_see:
        raise NotFound("statement.not_found")
    return payout, get(session, payout.run_id)


def list_holders(session: Session, role: Role) -> list[str]:
    """Return the names of who holds an office now: the people a blocked action names."""
    rows = session.exec(
        select(User.name)
        .join(Office, col(Office.user_id) == col(User.id))
        .where(Office.role == role.value, col(Office.ended_at).is_(None))
        .order_by(col(User.name))
    )
    return list(rows)


def member_names(session: Session) -> dict[str, str]:
    """Return member id -> name."""
    rows = session.exec(select(Member.id, Member.name))
    return {row[0]: row[1] for row in rows}


def prepare(session: Session, *, actor: Actor, period_id: str, now: datetime) -> PayoutRun:
    """Freeze the period's payouts into one run and its hash. Raises Conflict before step 3 and the second time."""
    actor.require_role(Role.TREASURER)
    if actor.user_id is None:
        raise Forbidden("payout.preparer_unknown")
    period = periods.get(session, period_id)
    periods.move(session, period, before="distributed", after="distributed")
    existing = of_period(session, period_id)
    if existing is not None:
        raise Conflict("payout.prepared_already", number=existing.number)
    distribution = distributions.of_period(session, period_id)
    assert distribution is not None, "a distributed period has its distribution"
    number = _next_number(session, period)
    content = _freeze(session, number, period, distribution, actor=actor, now=now)
    places = EXPONENTS[cooperatives.get(session).currency]
    rows = _rows_of(content)
    run = PayoutRun(
        id=new_id(),
        number=number,
        period_id=period.id,
        total_minor=sum_of_rows(rows, places),
        content=content,
        content_digest=digest(content),
        prepared_by=actor.user_id,
        prepared_at=now,
    )
    session.add(run)
    session.flush()
    for row in rows:
        payout = Payout(
            id=new_id(),
            number=str(row["statement"]),
            run_id=run.id,
            member_id=str(row["member_id"]),
            amount_minor=minor_of(row["amount"], places),
        )
        session.add(payout)
    session.flush()
    body: dict[str, object] = {"number": number, "digest": run.content_digest, "total_minor": run.total_minor}
    events.record(session, kind="payout_run.prepared", subject=run.id, body=body, actor=actor, now=now)
    return run


def _next_number(session: Session, period: AccountingPeriod) -> str:
    year = period.ends_at.year
    used = session.exec(
        select(func.count()).select_from(PayoutRun).where(col(PayoutRun.number).like(f"PR-{year}-%"))
    ).one()
    return f"PR-{year}-{used + 1:02d}"


def _rows_of(content: dict[str, object]) -> list[dict[str, object]]:
    rows = content["rows"]
    assert isinstance(rows, list)
    return rows


def _freeze(
    session: Session,
    number: str,
    period: AccountingPeriod,
    distribution: Distribution,
    *,
    actor: Actor,
    now: datetime,
) -> dict[str, object]:
    """Return the whole content as JSON values; amounts are decimal strings, so it hashes the same anywhere."""
    cooperative = cooperatives.get(session)
    places = EXPONENTS[cooperative.currency]
    usage = {(row.member_id, row.side): row for row in periods.list_usage(session, period.id)}
    by_member: dict[str, list[DistributionLine]] = {}
    for line in distributions.list_lines(session, distribution.id):
        by_member.setdefault(line.member_id, []).append(line)
    members = session.exec(select(Member).where(col(Member.id).in_(by_member)).order_by(col(Member.number)))
    rows = [_row(number, member, by_member[member.id], usage, places) for member in members]
    detail = {
        key: signed_text(value, places) if key.endswith("_minor") and isinstance(value, int) else value
        for key, value in distribution.detail.items()
    }
    return {
        "format": CONTENT_FORMAT,
        "number": number,
        "cooperative": {
            "name": cooperative.name,
            "legal_name": cooperative.legal_name,
            "address": cooperative.address,
            "timezone": cooperative.timezone,
            "is_demo": cooperative.is_demo,
        },
        "currency": cooperative.currency,
        "period": {
            "id": period.id,
            "name": period.name,
            "starts_at": iso(period.starts_at),
            "ends_at": iso(period.ends_at),
        },
        "result": {
            "bylaws_version": distribution.bylaws_version,
            "income": signed_text(distribution.income_minor, places),
            "cost": signed_text(distribution.cost_minor, places),
            "surplus": signed_text(distribution.surplus_minor, places),
            "reserve": signed_text(distribution.reserve_minor, places),
            "shared": signed_text(distribution.shared_minor, places),
            "detail": detail,
        },
        "prepared": {"by": actor.label, "user": actor.user_id, "at": iso(now)},
        "rows": rows,
    }


def _row(
    number: str,
    member: Member,
    lines: list[DistributionLine],
    usage: dict[tuple[str, str], UsagePosting],
    places: int,
) -> dict[str, object]:
    carried = {}
    for side in (periods.CONSUMER, periods.PROVIDER):
        posting = usage.get((member.id, side))
        if posting is not None:
            carried[side] = {
                "brought_nano": str(posting.brought_nano),
                "used_nano": str(posting.used_nano),
                "posted": decimal_text(posting.posted_minor, places),
                "carried_nano": str(posting.carried_nano),
                "receipts": posting.receipts,
            }
    return {
        "statement": f"{number.removeprefix('PR-')}-{member.number:04d}",
        "member_id": member.id,
        "member_number": member.number,
        "name": member.name,
        "address": member.address,
        "joined_at": iso(member.joined_at),
        "amount": decimal_text(sum(line.amount_minor for line in lines), places),
        "lines": [
            {"step": line.step, "amount": decimal_text(line.amount_minor, places), "inputs": line.inputs}
            for line in lines
        ],
        "rounding": carried,
    }


def verify(session: Session, run: PayoutRun) -> None:
    """Check the run against its hash, and its rows against its content. Raises Tampered."""
    places = EXPONENTS[str(run.content["currency"])]
    rows = {str(row["statement"]): row for row in _rows_of(run.content)}
    payouts = list_payouts(session, run.id)
    is_whole = (
        digest(run.content) == run.content_digest
        and len(payouts) == len(rows)
        and all(
            payout.number in rows
            and rows[payout.number]["member_id"] == payout.member_id
            and minor_of(rows[payout.number]["amount"], places) == payout.amount_minor
            for payout in payouts
        )
        and sum(payout.amount_minor for payout in payouts) == run.total_minor
    )
    if not is_whole:
        raise Tampered("payout.tampered", number=run.number)


def _members_of(session: Session, user_id: str) -> Collection[str]:
    return list(session.exec(select(MemberUser.member_id).where(MemberUser.user_id == user_id)))


def why_not(session: Session, run: PayoutRun, actor: Actor) -> str | None:
    """Return the code of what forbids this actor the second signature, or None. Pages show it; `approve` obeys it."""
    if not actor.has_role(Role.APPROVER):
        own = actor.user_id is not None and actor.user_id == run.prepared_by
        return "payout.own_run" if own else "payout.not_approver"
    return why_not_approve(
        preparer_user=run.prepared_by,
        preparer_members=_members_of(session, run.prepared_by),
        approver_user=actor.user_id,
        approver_members=_members_of(session, actor.user_id) if actor.user_id else (),
    )


def approve(session: Session, *, actor: Actor, run_id: str, content_digest: str, now: datetime) -> PayoutRun:
    """Sign the run over the hash the approver saw; the statements are rendered afterwards.

    Raises Forbidden for the preparer, her other accounts and everybody without the office; Tampered when rows and hash
    part; Conflict when the hash is another one or the run no longer waits.
    """
    run = get(session, run_id)
    forbidden = why_not(session, run, actor)
    if forbidden is not None:
        raise Forbidden(forbidden)
    assert actor.user_id is not None
    verify(session, run)
    if content_digest != run.content_digest:
        raise Conflict("payout.other_content")
    if run.state != "prepared":
        raise Conflict("payout.not_waiting", number=run.number, state=run.state)
    approval = PayoutApproval(
        id=new_id(),
        run_id=run.id,
        prepared_by=run.prepared_by,
        content_digest=run.content_digest,
        approved_by=actor.user_id,
        approved_at=now,
    )
    session.add(approval)
    session.flush()
    moved = session.exec(
        update(PayoutRun)
        .where(col(PayoutRun.id) == run.id, col(PayoutRun.state) == "prepared")
        .values(state="approved", approved_at=now)
    )
    if moved.rowcount == 0:
        raise Conflict("payout.not_waiting", number=run.number, state="approved")
    session.refresh(run)
    tasks.put(session, kind=DOCUMENTS_TASK, dedupe_key=f"documents:{run.id}", arguments={"run_id": run.id}, now=now)
    body: dict[str, object] = {"number": run.number, "digest": run.content_digest, "approved_by": actor.user_id}
    events.record(session, kind="payout_run.approved", subject=run.id, body=body, actor=actor, now=now)
    return run


def mark_paid(session: Session, *, actor: Actor, run_id: str, now: datetime) -> PayoutRun:
    """Note that the bank has paid an approved run: what the run owed is zero afterwards. Raises Forbidden, Conflict."""
    if not actor.has_role(Role.TREASURER):
        raise Forbidden("payout.not_treasurer")
    run = get(session, run_id)
    verify(session, run)
    moved = session.exec(
        update(PayoutRun)
        .where(col(PayoutRun.id) == run.id, col(PayoutRun.state) == "approved")
        .values(state="paid", paid_at=now, paid_by=actor.label)
    )
    if moved.rowcount == 0:
        raise Conflict("payout.not_approved", number=run.number, state=run.state)
    session.refresh(run)
    _book_payment(session, run, actor=actor, now=now)
    periods.move(session, periods.get(session, run.period_id), before="distributed", after="paid")
    body: dict[str, object] = {"number": run.number, "digest": run.content_digest, "total_minor": run.total_minor}
    events.record(session, kind="payout_run.paid", subject=run.id, body=body, actor=actor, now=now)
    return run


def _book_payment(session: Session, run: PayoutRun, *, actor: Actor, now: datetime) -> None:
    """Book liabilities against the bank, each covered by what the books owe. Raises Conflict when they owe less."""
    places = EXPONENTS[str(run.content["currency"])]
    owed: dict[tuple[str, str], int] = {}
    for row in _rows_of(run.content):
        lines = row["lines"]
        assert isinstance(lines, list)
        for line in lines:
            account = (STEP_ACCOUNTS[line["step"]], str(row["member_id"]))
            owed[account] = owed.get(account, 0) + minor_of(line["amount"], places)
    postings = [ledger.Line(code, amount, member_id) for (code, member_id), amount in owed.items() if amount]
    if not postings:
        return
    if any(-ledger.balance(session, line.account, line.member_id) < line.amount_minor for line in postings):
        raise Conflict("payout.not_covered", number=run.number)
    ledger.post(
        session,
        key=f"payout_run:{run.id}:paid",
        kind="payout",
        text=f"Payout run {run.number}",
        detail={"run": run.id, "digest": run.content_digest},
        postings=[*postings, ledger.Line("bank", -run.total_minor)],
        actor=actor,
        now=now,
    )
