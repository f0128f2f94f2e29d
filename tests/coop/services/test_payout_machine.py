"""Whatever anybody tries in whatever order: no run is paid without the signature of another human."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from coop.core.actor import Actor, Role
from coop.core.db import Database
from coop.core.errors import CoopError
from coop.services import ledger, payouts
from tests import treasury as books
from tests.treasury import CLOSED_AT

NAMES = ("ada", "bo", "finn", "gul", "lea", "ada_as_approver", "ada_again", "script")


class PayoutMachine(RuleBasedStateMachine):
    """One run, every actor, every action."""

    source: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.source, self.folder / "coop.db")
        self.database = Database(f"sqlite:///{self.folder / 'coop.db'}")
        with self.database.transaction() as session:
            people = books.found(session)
            books.use_some(session, people)
            self.period_id = books.close(session, people)
            self.actors = dict(people.actors)
            self.actors["ada_as_approver"] = Actor(
                "Ada", people.ada.user_id, people.ada.member_id, frozenset({Role.APPROVER, Role.TREASURER})
            )
            self.actors["ada_again"] = books.second_user(session, people, of="ada", role=Role.APPROVER)
        self.actors["script"] = Actor("script", roles=frozenset(Role))

    @rule(name=st.sampled_from(NAMES))
    def prepare(self, name: str) -> None:
        with self.database.transaction() as session:
            try:
                payouts.prepare(session, actor=self.actors[name], period_id=self.period_id, now=CLOSED_AT)
            except CoopError:
                return

    @rule(name=st.sampled_from(NAMES), is_right_hash=st.booleans())
    def approve(self, name: str, is_right_hash: bool) -> None:
        with self.database.transaction() as session:
            for run in payouts.list_runs(session):
                seen = run.content_digest if is_right_hash else "0" * 64
                try:
                    payouts.approve(session, actor=self.actors[name], run_id=run.id, content_digest=seen, now=CLOSED_AT)
                except CoopError:
                    return

    @rule(name=st.sampled_from(NAMES))
    def pay(self, name: str) -> None:
        with self.database.transaction() as session:
            for run in payouts.list_runs(session):
                try:
                    payouts.mark_paid(session, actor=self.actors[name], run_id=run.id, now=CLOSED_AT)
                except CoopError:
                    return

    @invariant()
    def four_eyes_hold(self) -> None:
        with self.database.reading() as session:
            runs = payouts.list_runs(session)
            assert len(runs) <= 1
            for run in runs:
                signers = {approval.approved_by for approval, _ in payouts.list_approvals(session, run.id)}
                assert signers <= {
                    self.actors["finn"].user_id,
                    self.actors["ada"].user_id,
                    self.actors["ada_again"].user_id,
                }
                assert run.prepared_by not in signers
                assert bool(signers) == (run.state != "prepared")
            assert ledger.verify(session) == []

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)


@pytest.mark.slow
def test_no_path_leads_to_paid_without_another_human(migrated_file: Path) -> None:
    PayoutMachine.source = migrated_file
    run_state_machine_as_test(
        PayoutMachine,
        settings=settings(
            max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
