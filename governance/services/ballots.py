"""Ballots: the electorate is frozen at opening, each entitled member has one vote, and the close counts once.

Casting and closing meet in the ballot's row: a vote holds it shared until it is committed, the close holds it alone. So
a vote after the close never counts, and one that was acknowledged always does.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select, update

from coop.core.actor import Actor, system
from coop.core.clock import iso
from coop.core.errors import Conflict, Forbidden, Invalid, NotFound
from coop.core.ids import new_code
from coop.core.signing import digest
from coop.models.members import Member
from coop.rules.bylaws import BallotRule
from coop.services import cooperatives, events, members
from governance.models.proposals import Ballot, CountedBallot, Proposal, RollEntry
from governance.rules.verdicts import CHOICES, Tally, Verdict, decide

CLOSE_BATCH_MAX = 50
CLOCK = system("clock")
RESULT_SCHEMA = "allmende.result/1"


def open_ballot(session: Session, *, proposal: Proposal, actor: Actor, now: datetime) -> Ballot:
    """Open the ballot of a proposal: freeze rule and electorate. Raises Conflict when nobody may vote."""
    bylaws_version, bylaws = cooperatives.current_bylaws(session, now)
    rule = bylaws.policy_ballot
    entitled = sorted(members.list_entitled(session, now), key=lambda pair: pair[1])
    if not entitled:
        raise Conflict("ballot.nobody_entitled")
    ballot = Ballot(
        proposal_id=proposal.id,
        rule=rule.model_dump(mode="json"),
        bylaws_version=bylaws_version,
        electorate_size=len(entitled),
        electorate_digest=digest([{"number": number, "member_id": member_id} for member_id, number in entitled]),
        opens_at=now,
        closes_at=now + timedelta(seconds=rule.voting_s),
    )
    session.add(ballot)
    session.flush()
    session.add_all([RollEntry(ballot_id=ballot.id, member_id=member_id) for member_id, _ in entitled])
    session.flush()
    body: dict[str, object] = {
        "number": proposal.number,
        "electorate_size": ballot.electorate_size,
        "electorate_digest": ballot.electorate_digest,
        "closes_at": iso(ballot.closes_at),
        "rule": ballot.rule,
    }
    events.record(session, kind="ballot.opened", subject=ballot.id, body=body, actor=actor, now=now)
    return ballot


def rule_of(ballot: Ballot) -> BallotRule:
    """Return the rule that was frozen at opening."""
    return BallotRule.model_validate(ballot.rule)


def cast(session: Session, *, ballot_id: str, actor: Actor, choice: str, now: datetime) -> str:
    """Cast or change the vote of the member the actor acts for, and return the receipt code.

    Raises Forbidden for who may not vote, Invalid for a choice that is none, Conflict when the ballot is closed.
    """
    member_id = actor.require_member()
    if choice not in CHOICES:
        raise Invalid(fields={"choice": "form.not_choice"})
    _require_open(session, ballot_id, now)
    code = new_code()
    written = session.exec(
        update(RollEntry)
        .where(
            col(RollEntry.ballot_id) == ballot_id,
            col(RollEntry.member_id) == member_id,
            select(Ballot.id)
            .where(Ballot.id == ballot_id, col(Ballot.closed_at).is_(None), col(Ballot.closes_at) > now)
            .exists(),
        )
        .values(
            cast={"choice": choice},
            cast_number=RollEntry.cast_number + 1,
            receipt_code=code,
            voted_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    if written.rowcount == 0:
        raise Forbidden("ballot.not_entitled")
    # Who voted is on the roll; what she voted is not in the log, and stays changeable until the close.
    events.record(
        session, kind="vote.cast", subject=ballot_id, body={"member_id": member_id}, actor=system("portal"), now=now
    )
    return code


def _require_open(session: Session, ballot_id: str, now: datetime) -> None:
    """Hold the ballot's row shared, so that the close waits for this vote, and refuse a closed one."""
    statement = select(Ballot).where(Ballot.id == ballot_id).with_for_update(read=True)
    ballot = session.exec(statement.execution_options(populate_existing=True)).first()
    if ballot is None:
        raise NotFound("ballot.not_found")
    if ballot.closed_at is not None or ballot.closes_at <= now:
        raise Conflict("ballot.closed", closed_at=iso(ballot.closes_at))


def close_due(session: Session, now: datetime) -> list[Ballot]:
    """Count every ballot whose time is over, and return those that this call closed. Others may do the same."""
    due = session.exec(
        select(Ballot.id)
        .where(col(Ballot.closed_at).is_(None), col(Ballot.closes_at) <= now)
        .order_by(col(Ballot.closes_at))
        .limit(CLOSE_BATCH_MAX)
    ).all()
    closed = [_close(session, ballot_id, now) for ballot_id in due]
    return [ballot for ballot in closed if ballot is not None]


def _close(session: Session, ballot_id: str, now: datetime) -> Ballot | None:
    """Close one ballot. None when somebody else did."""
    statement = select(Ballot).where(Ballot.id == ballot_id, col(Ballot.closed_at).is_(None)).with_for_update()
    ballot = session.exec(statement.execution_options(populate_existing=True)).first()
    if ballot is None:
        return None
    proposal = session.exec(select(Proposal).where(Proposal.id == ballot.proposal_id)).one()
    counted = _counted(session, ballot)
    session.add_all(counted)
    session.flush()
    verdict = decide(rule_of(ballot), _tally(Counter(row.choice for row in counted), ballot))
    in_force_at = now + timedelta(seconds=rule_of(ballot).waiting_s) if verdict.is_passed else None
    result = _result(proposal, ballot, verdict, counted, closed_at=now)
    written = session.exec(
        update(Ballot)
        .where(col(Ballot.id) == ballot.id, col(Ballot.closed_at).is_(None))
        .values(closed_at=now, verdict=verdict.to_json(), result_digest=digest(result), in_force_at=in_force_at)
    )
    decided = session.exec(
        update(Proposal)
        .where(col(Proposal.id) == proposal.id, col(Proposal.state) == "ballot")
        .values(state="passed" if verdict.is_passed else "failed")
    )
    assert written.rowcount == decided.rowcount == 1, "the ballot's row was held"
    session.refresh(ballot)
    session.refresh(proposal)
    body: dict[str, object] = {
        "number": proposal.number,
        "verdict": verdict.to_json(),
        "result_digest": ballot.result_digest,
    }
    events.record(session, kind="ballot.closed", subject=ballot.id, body=body, actor=CLOCK, now=now)
    return ballot


def _counted(session: Session, ballot: Ballot) -> list[CountedBallot]:
    """Return the counted ballots in order of their codes, which says nothing about who or when."""
    rows = session.exec(
        select(RollEntry.receipt_code, RollEntry.cast).where(
            RollEntry.ballot_id == ballot.id, col(RollEntry.cast_number) > 0
        )
    )
    cast_rows = sorted((str(code), str((choice or {})["choice"])) for code, choice in rows)
    return [CountedBallot(ballot_id=ballot.id, code=code, choice=choice) for code, choice in cast_rows]


def _tally(counts: Counter[str], ballot: Ballot) -> Tally:
    return Tally(yes=counts["yes"], no=counts["no"], abstain=counts["abstain"], entitled=ballot.electorate_size)


def _result(
    proposal: Proposal, ballot: Ballot, verdict: Verdict, counted: list[CountedBallot], *, closed_at: datetime
) -> dict[str, Any]:
    return {
        "schema": RESULT_SCHEMA,
        "ballot_id": ballot.id,
        "proposal": {
            "id": proposal.id,
            "number": proposal.number,
            "kind": proposal.kind,
            "before": proposal.before,
            "change": proposal.change,
        },
        "rule": ballot.rule,
        "bylaws_version": ballot.bylaws_version,
        "electorate": {"size": ballot.electorate_size, "digest": ballot.electorate_digest},
        "opens_at": iso(ballot.opens_at),
        "closes_at": iso(ballot.closes_at),
        "closed_at": iso(closed_at),
        "verdict": verdict.to_json(),
        "ballots": [{"code": row.code, "choice": row.choice} for row in counted],
    }


def result_document(session: Session, proposal: Proposal, ballot: Ballot) -> dict[str, Any]:
    """Return the result as it was hashed into `result_digest`. Raises Conflict before the close."""
    if ballot.closed_at is None:
        raise Conflict("ballot.not_counted")
    counted = list_counted(session, ballot.id)
    verdict = decide(rule_of(ballot), _tally(Counter(row.choice for row in counted), ballot))
    return _result(proposal, ballot, verdict, counted, closed_at=ballot.closed_at)


def list_counted(session: Session, ballot_id: str) -> list[CountedBallot]:
    """Return the counted ballots in order of their codes; empty before the close."""
    statement = select(CountedBallot).where(CountedBallot.ballot_id == ballot_id)
    return sorted(session.exec(statement), key=lambda row: row.code)  # the database's order may follow a language


def standing(session: Session, ballot: Ballot) -> Verdict:
    """Return how an open ballot stands now: the verdict if it closed this moment."""
    rows = session.exec(select(RollEntry.cast).where(RollEntry.ballot_id == ballot.id, col(RollEntry.cast_number) > 0))
    counts = Counter(str((choice or {})["choice"]) for choice in rows)
    return decide(rule_of(ballot), _tally(counts, ballot))


def entry_of(session: Session, ballot_id: str, member_id: str | None) -> RollEntry | None:
    """Return a member's row of the roll; None for who may not vote."""
    return session.get(RollEntry, (ballot_id, member_id)) if member_id else None


def list_electorate(session: Session, ballot_id: str) -> list[tuple[int, str, bool]]:
    """Return (number, name, whether voted) of everybody on the roll, by number."""
    rows = session.exec(
        select(Member.number, Member.name, RollEntry.cast_number)
        .join(RollEntry, col(RollEntry.member_id) == Member.id)
        .where(RollEntry.ballot_id == ballot_id)
        .order_by(col(Member.number))
    )
    return [(number, name, times > 0) for number, name, times in rows]


def list_waiting_for(session: Session, member_id: str, now: datetime) -> list[tuple[Proposal, Ballot]]:
    """Return open ballots in which the member may vote and has not, the one that closes first before the others."""
    rows = session.exec(
        select(Proposal, Ballot)
        .join(Ballot, col(Ballot.proposal_id) == Proposal.id)
        .join(RollEntry, col(RollEntry.ballot_id) == Ballot.id)
        .where(
            RollEntry.member_id == member_id,
            RollEntry.cast_number == 0,
            col(Ballot.closed_at).is_(None),
            col(Ballot.closes_at) > now,
        )
        .order_by(col(Ballot.closes_at))
    )
    return [(proposal, ballot) for proposal, ballot in rows]


def count_open(session: Session, now: datetime) -> int:
    """Return how many ballots are open."""
    statement = select(func.count()).select_from(Ballot)
    return session.exec(statement.where(col(Ballot.closed_at).is_(None), col(Ballot.closes_at) > now)).one()
