"""Any order of votes, closes and enactments leaves a ballot that adds up."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from coop.core.db import Database
from coop.core.errors import Conflict
from coop.services import policies
from governance.services import ballots, enactments, proposals
from tests.governance.people import NAMES, assemble

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
PRICE = {"default_micro": 30_000, "floor_micro": 1_000, "ceiling_micro": 1_000_000}


class Life(RuleBasedStateMachine):
    """One ballot on a copy of a migrated database, and what must be true of it."""

    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        shutil.copy(self.template, f"{self.folder}/coop.db")
        self.database = Database(f"sqlite:///{self.folder}/coop.db")
        self.assembly = assemble(self.database, START)
        self.now = START
        self.votes: dict[str, str] = {}
        self.state = "ballot"
        with self.database.transaction() as session:
            proposal = proposals.propose(
                session,
                actor=self.assembly["Bo"],
                title="Price",
                reason="",
                section="price",
                value=PRICE,
                now=START,
            )
            self.ballot = proposals.get(session, proposal.number)[1]

    @rule(minutes=st.integers(1, 25))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(name=st.sampled_from(NAMES), choice=st.sampled_from(("yes", "no", "abstain")))
    def vote(self, name: str, choice: str) -> None:
        try:
            with self.database.transaction() as session:
                ballots.cast(session, ballot_id=self.ballot.id, actor=self.assembly[name], choice=choice, now=self.now)
        except Conflict:
            assert self.now >= self.ballot.closes_at or self.state != "ballot"
        else:
            assert self.now < self.ballot.closes_at
            self.votes[name] = choice

    @rule()
    def close(self) -> None:
        with self.database.transaction() as session:
            closed = ballots.close_due(session, self.now)
        assert bool(closed) == (self.state == "ballot" and self.now >= self.ballot.closes_at)
        if closed:
            chosen = list(self.votes.values())
            passed = 5 * len(chosen) >= 2 * len(NAMES) and chosen.count("yes") > chosen.count("no")
            self.state = "passed" if passed else "failed"
            self.in_force_at = closed[0].in_force_at

    @precondition(lambda self: self.state != "ballot")
    @rule()
    def enact(self) -> None:
        with self.database.transaction() as session:
            enacted = enactments.enact_due(session, self.now)
        if enacted:
            assert self.state == "passed"
            assert self.now >= self.in_force_at
            self.state = "enacted"

    @invariant()
    def adds_up(self) -> None:
        with self.database.reading() as session:
            proposal, ballot = proposals.get(session, 1)
            assert proposal.state == self.state
            counted = ballots.list_counted(session, ballot.id)
            expected = sorted(self.votes.values()) if self.state != "ballot" else []
            assert sorted(row.choice for row in counted) == expected
            assert ballots.standing(session, ballot).participating == len(self.votes)
            assert policies.newest(session).version == (2 if self.state == "enacted" else 1)

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)


@pytest.mark.slow
def test_a_ballot_adds_up_in_any_order(migrated_file: Path) -> None:
    Life.template = migrated_file
    limits = settings(max_examples=15, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Life, settings=limits)
