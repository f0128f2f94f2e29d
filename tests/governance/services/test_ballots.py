"""A ballot from opening to the policy in force: one vote for each member, counted once, whatever happens at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from coop.core.actor import Actor
from coop.core.db import Database
from coop.core.errors import Conflict, CoopError, Forbidden, Invalid
from coop.core.policy.bundle import verify
from coop.core.signing import SigningKey, digest
from coop.models.events import Event
from coop.models.work import Outbox
from coop.services import policies
from governance.models.proposals import Ballot, CountedBallot, Proposal, RollEntry
from governance.services import ballots, enactments, proposals
from tests.governance.people import Assembly, assemble, join

PRICE = {"default_micro": 30_000, "floor_micro": 1_000, "ceiling_micro": 1_000_000}
VOTING, WAITING = timedelta(hours=1), timedelta(minutes=10)


def propose(session: Session, actor: Actor, now: datetime, **other: object) -> Ballot:
    given = {"title": "Another price", "reason": "", "section": "price", "value": PRICE, **other}
    proposal = proposals.propose(session, actor=actor, now=now, **given)  # type: ignore[arg-type] # a test's own fields
    return proposals.get(session, proposal.number)[1]


def vote(assembly: Assembly, ballot: Ballot, name: str, choice: str, after: timedelta = timedelta(0)) -> str:
    with assembly.database.transaction() as session:
        return ballots.cast(session, ballot_id=ballot.id, actor=assembly[name], choice=choice, now=assembly.now + after)


@pytest.fixture
def assembly(database: Database, now: datetime) -> Assembly:
    return assemble(database, now)


@pytest.fixture
def ballot(assembly: Assembly) -> Ballot:
    with assembly.database.transaction() as session:
        return propose(session, assembly["Bo"], assembly.now)


def test_a_passed_ballot_becomes_the_next_signed_policy(assembly: Assembly, ballot: Ballot) -> None:
    codes = {name: vote(assembly, ballot, name, choice) for name, choice in (("Ada", "no"), ("Bo", "yes"))}
    codes["Ada"] = vote(assembly, ballot, "Ada", "yes", timedelta(minutes=59))
    vote(assembly, ballot, "Dee", "no")
    with assembly.database.transaction() as session:
        assert ballots.close_due(session, assembly.now + VOTING - timedelta(seconds=1)) == []
        (closed,) = ballots.close_due(session, assembly.now + VOTING)
        assert ballots.close_due(session, assembly.now + VOTING) == []
        verdict = closed.verdict or {}
        assert (verdict["code"], verdict["yes"], verdict["no"], verdict["base"]) == ("verdict.passed", 2, 1, 3)
        counted = ballots.list_counted(session, ballot.id)
        assert [row.code for row in counted] == sorted(row.code for row in counted)
        assert {codes["Ada"], codes["Bo"]} <= {row.code for row in counted if row.choice == "yes"}
        proposal, _ballot = proposals.get(session, 1)
        assert digest(ballots.result_document(session, proposal, closed)) == closed.result_digest
        assert enactments.enact_due(session, assembly.now + VOTING + WAITING - timedelta(seconds=1)) == []
        at = assembly.now + VOTING + WAITING
        (policy,) = enactments.enact_due(session, at)
        assert enactments.enact_due(session, at) == []
        assert (policy.epoch, policy.version, policy.ballot_number) == (1, 2, 1)
        assert policies.in_force(session, at).version == 2
        assert policies.in_force(session, at - timedelta(seconds=1)).version == 1
        key = SigningKey.generate()
        assert [found.version for found in policies.list_unsigned(session)] == [1, 2]
        bundle = policies.build_bundle(session, 1, 2, key, "valley", at)
        assert policies.build_bundle(session, 1, 2, SigningKey.generate(), "valley", at) == bundle
        in_force = verify(bundle, [key.key_id], now=at, coop="valley")
        assert (in_force.ballot_number, in_force.result_digest) == (1, closed.result_digest)
        assert in_force.document.price.default_micro == 30_000
        assert [found.version for found in policies.list_unsigned(session)] == [1]
        with pytest.raises(Conflict):
            policies.store_signature(session, 1, 2, {**bundle, "signature": "x"}, at)
        assert proposals.get(session, 1)[0].state == "enacted"
        kinds = set(session.exec(select(Event.kind)))
        assert {
            "proposal.opened",
            "ballot.opened",
            "vote.cast",
            "ballot.closed",
            "policy.enacted",
            "policy.signed",
        } <= kinds
        assert [row.body for row in session.exec(select(Outbox).where(Outbox.kind == "policy.enacted"))][-1] == {
            "epoch": 1,
            "version": 2,
        }


def test_who_joined_later_or_is_no_member_may_not_vote(assembly: Assembly, ballot: Ballot) -> None:
    with assembly.database.transaction() as session:
        late = join(session, "Cy", 99, assembly.now + timedelta(minutes=1))
        assert ballot.electorate_size == 5
        for actor in (late, Actor(label="Eve", user_id="eve")):
            with pytest.raises(Forbidden):
                ballots.cast(session, ballot_id=ballot.id, actor=actor, choice="yes", now=assembly.now)
        with pytest.raises(Invalid):
            ballots.cast(session, ballot_id=ballot.id, actor=assembly["Bo"], choice="maybe", now=assembly.now)


def test_a_vote_at_the_end_of_time_is_refused_and_the_result_stands(assembly: Assembly, ballot: Ballot) -> None:
    vote(assembly, ballot, "Ada", "yes", VOTING - timedelta(microseconds=1))
    with pytest.raises(Conflict) as refused:
        vote(assembly, ballot, "Bo", "yes", VOTING)
    assert refused.value.code == "ballot.closed"
    with assembly.database.transaction() as session:
        ballots.close_due(session, assembly.now + VOTING)
    with pytest.raises(Conflict):
        vote(assembly, ballot, "Bo", "yes")
    with assembly.database.reading() as session:
        assert len(ballots.list_counted(session, ballot.id)) == 1
        assert proposals.get(session, 1)[0].state == "failed"


def test_twenty_votes_of_one_member_at_once_are_one_ballot(assembly: Assembly, ballot: Ballot) -> None:
    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda index: vote(assembly, ballot, "Bo", ("yes", "no")[index % 2]), range(20)))
    with assembly.database.transaction() as session:
        entry = ballots.entry_of(session, ballot.id, assembly["Bo"].member_id)
        assert entry is not None
        assert (entry.cast_number, entry.receipt_code in codes) == (20, True)
        ballots.close_due(session, assembly.now + VOTING)
        (counted,) = session.exec(select(CountedBallot)).all()
        assert (counted.code, {"choice": counted.choice}) == (entry.receipt_code, entry.cast)


def test_votes_racing_the_close_count_exactly_when_they_were_acknowledged(assembly: Assembly, ballot: Ballot) -> None:
    def try_vote(name: str) -> str | None:
        try:
            return vote(assembly, ballot, name, "yes", VOTING - timedelta(microseconds=1))
        except CoopError:
            return None

    def close(_name: str) -> None:
        with assembly.database.transaction() as session:
            ballots.close_due(session, assembly.now + VOTING)

    with ThreadPoolExecutor(8) as pool:
        first = [pool.submit(try_vote, name) for name in ("Ada", "Bo")]
        closing = [pool.submit(close, "") for _ in range(3)]
        second = [pool.submit(try_vote, name) for name in ("Dee", "Finn", "Gul")]
        codes = {task.result() for task in first + second} - {None}
        for task in closing:
            task.result()
    with assembly.database.reading() as session:
        assert {row.code for row in ballots.list_counted(session, ballot.id)} == codes
        assert len(session.exec(select(Event).where(Event.kind == "ballot.closed")).all()) == 1


def test_many_controls_enact_once(assembly: Assembly, ballot: Ballot) -> None:
    for name in ("Ada", "Bo", "Dee"):
        vote(assembly, ballot, name, "yes")
    with assembly.database.transaction() as session:
        ballots.close_due(session, assembly.now + VOTING)

    def enact(_index: int) -> int:
        with assembly.database.transaction() as session:
            return len(enactments.enact_due(session, assembly.now + VOTING + WAITING))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(enact, range(6))) == 1
    with assembly.database.reading() as session:
        assert [policy.version for policy in policies.history(session)] == [2, 1]


def test_a_change_whose_base_was_changed_meanwhile_lapses(assembly: Assembly, ballot: Ballot) -> None:
    hours = {"timezone": "UTC", "open": [{"days": [0], "from_minute": 0, "until_minute": 60}]}
    with assembly.database.transaction() as session:
        other = propose(session, assembly["Ada"], assembly.now, value={**PRICE, "default_micro": 40_000})
        third = propose(session, assembly["Ada"], assembly.now, section="hours", value=hours)
    for open_ballot in (ballot, other, third):
        for name in ("Ada", "Bo", "Dee"):
            vote(assembly, open_ballot, name, "yes")
    with assembly.database.transaction() as session:
        ballots.close_due(session, assembly.now + VOTING)
        enacted = enactments.enact_due(session, assembly.now + VOTING + WAITING)
        assert [policy.ballot_number for policy in enacted] == [1, 3]
        assert [proposals.get(session, number)[0].state for number in (1, 2, 3)] == ["enacted", "lapsed", "enacted"]
        document = policies.document_of(policies.newest(session))
        assert document.price.default_micro == 30_000
        assert document.hours is not None


def test_a_proposal_that_says_nothing_new_or_nonsense_is_refused(assembly: Assembly) -> None:
    with assembly.database.transaction() as session:
        for other, code in (
            ({"value": {**PRICE, "default_micro": 20_000}}, "policy.nothing_changes"),
            ({"section": "power"}, "policy.section_unknown"),
            ({"title": " "}, "form.invalid"),
            ({"title": "x" * 121}, "form.invalid"),
            ({"reason": "x" * 4_001}, "form.invalid"),
        ):
            with pytest.raises(Invalid) as refused:
                propose(session, assembly["Bo"], assembly.now, **other)
            assert refused.value.code == code
        with pytest.raises(Forbidden):
            propose(session, Actor(label="Eve", user_id="eve"), assembly.now)
        for _ in range(proposals.OPEN_PER_MEMBER_MAX):
            propose(session, assembly["Bo"], assembly.now)
        with pytest.raises(Conflict):
            propose(session, assembly["Bo"], assembly.now)
        assert len(session.exec(select(Proposal)).all()) == proposals.OPEN_PER_MEMBER_MAX
        assert len(session.exec(select(RollEntry)).all()) == 5 * proposals.OPEN_PER_MEMBER_MAX


OPEN_ATTACKS = (
    "UPDATE ballot SET closes_at = opens_at",
    "UPDATE ballot SET electorate_size = 1",
    "UPDATE ballot SET rule = '{}'",
    "DELETE FROM ballot_roll",
    "UPDATE ballot_roll SET member_id = (SELECT max(id) FROM member)",
)
CLOSED_ATTACKS = (
    "UPDATE ballot SET in_force_at = opens_at",
    "UPDATE ballot SET result_digest = 'f00'",
    "UPDATE ballot SET verdict = '{}'",
    "UPDATE ballot_roll SET receipt_code = 'x'",
    "INSERT INTO ballot_roll (ballot_id, member_id, cast_number) SELECT b.id, m.id, 0 FROM ballot b, member m"
    " WHERE m.number = 99",
    "INSERT INTO counted_ballot (id, ballot_id, code, choice) SELECT 'x', id, 'x', 'no' FROM ballot",
)


def test_raw_sql_changes_neither_an_open_roll_nor_a_closed_ballot(assembly: Assembly, ballot: Ballot) -> None:
    def refuse(attacks: tuple[str, ...]) -> None:
        for attack in attacks:
            with pytest.raises(DBAPIError), assembly.database.transaction() as session:
                session.connection().execute(text(attack.replace(":", "\\:")))

    with assembly.database.transaction() as session:
        join(session, "Late", 99, assembly.now + timedelta(seconds=1))
    refuse(OPEN_ATTACKS)
    for name in assembly.actors:
        vote(assembly, ballot, name, "yes")
    with assembly.database.transaction() as session:
        assert ballots.close_due(session, ballot.closes_at)
    refuse(CLOSED_ATTACKS)
