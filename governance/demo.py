"""The demo co-op's decisions: one price vote of the past that is in force, and one open ballot on hours."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from coop.core.actor import Actor
from coop.core.settings import Settings
from coop.models.members import Member, MemberUser
from coop.services import actors
from governance.models.proposals import Ballot, Proposal
from governance.services import ballots, enactments, proposals

PRICE = {"default_micro": 450_000, "floor_micro": 100_000, "ceiling_micro": 900_000}
EVENING_OFF = {
    "timezone": "Europe/Berlin",
    "open": [{"days": [0, 1, 2, 3, 4, 5, 6], "from_minute": 21 * 60, "until_minute": 17 * 60}],
}
PRICE_VOTES = ("yes", "yes", "yes", "no", "yes", "abstain", "yes", "yes", "no")
HOURS_VOTES = ("yes", "no", "yes", "yes")  # by the first members of the register other than Bo, who has yet to vote


def _voters(session: Session, *, without: str = "") -> list[Actor]:
    """Return the members' users in order of the register."""
    statement = select(MemberUser.user_id).join(Member).where(Member.name != without).order_by(col(Member.number))
    return [actors.actor_for_user(session, user_id) for user_id in session.exec(statement)]


def _vote(session: Session, proposal: Proposal, voters: list[Actor], choices: tuple[str, ...], at: datetime) -> None:
    ballot = session.exec(select(Ballot).where(Ballot.proposal_id == proposal.id)).one()
    for index, (voter, choice) in enumerate(zip(voters, choices, strict=False)):
        ballots.cast(session, ballot_id=ballot.id, actor=voter, choice=choice, now=at + timedelta(hours=3 * index + 1))


def decide_price(session: Session, _settings: Settings, now: datetime) -> None:
    """Let the members vote a price two weeks before the quarter; close, wait, enact."""
    joined_at = session.exec(select(Member.joined_at).order_by(col(Member.joined_at).desc())).first()
    assert joined_at is not None
    at = joined_at + timedelta(days=2)
    author = _voters(session)[6]
    proposal = proposals.propose(
        session,
        actor=author,
        title="A price that pays for the power we use",
        reason="At 2 cents a million tokens the meter runs faster than our income. 45 cents pays the owners and leaves a little.",
        section="price",
        value=PRICE,
        now=at,
    )
    _vote(session, proposal, _voters(session), PRICE_VOTES, at)
    ballot = session.exec(select(Ballot).where(Ballot.proposal_id == proposal.id)).one()
    ballots.close_due(session, now=ballot.closes_at)
    in_force_at = session.exec(select(Ballot.in_force_at).where(Ballot.id == ballot.id)).one()
    assert in_force_at is not None
    assert in_force_at < now
    enactments.enact_due(session, now=in_force_at)


def open_ballot(session: Session, _settings: Settings, now: datetime) -> None:
    """Open a ballot on evening hours two days ago; some have voted, Bo has not."""
    at = (now - timedelta(days=2)).replace(second=0, microsecond=0)
    voters = _voters(session, without="Bo Lindqvist")
    proposal = proposals.propose(
        session,
        actor=voters[3],
        title="Should our machines rest in the evening?",
        reason="From 17:00 to 21:00 power is dear and dirty, and the hill farm's meter shows it. Everything else stays as it is.",
        section="hours",
        value=EVENING_OFF,
        now=at,
    )
    _vote(session, proposal, voters, HOURS_VOTES, at)
