"""The close of a period: fixed order, exact sums, late receipts."""

from datetime import timedelta

import pytest

from coop.core.db import Database
from coop.core.errors import Conflict, Forbidden, Invalid
from coop.services import distributions, ledger, payouts, periods
from tests import treasury as books
from tests.treasury import CLOSED_AT, ENDS_AT, STARTS_AT


def test_whole_cents_are_posted_and_the_rest_is_carried(database: Database) -> None:
    with database.transaction() as session:
        people = books.found(session)
        books.use_some(session, people)
        period_id = books.close(session, people)
        rows = {(row.member_id, row.side): row for row in periods.list_usage(session, period_id)}
        bo = rows[people.bo.member_id, "consumer"]
        assert (bo.posted_minor, bo.carried_nano, bo.receipts) == (400, 1_234_567, 1)
        gul = rows[people.gul.member_id, "provider"]
        assert (gul.posted_minor, gul.receipts) == (569, 3)
        assert gul.used_nano == gul.posted_minor * 10_000_000 + gul.carried_nano
        assert ledger.balance(session, "member_credit", people.bo.member_id) == -600


def test_after_distribution_the_result_accounts_are_zero(database: Database) -> None:
    with database.transaction() as session:
        people = books.found(session)
        books.use_some(session, people)
        made = distributions.of_period(session, books.close(session, people))
        assert made is not None
        assert made.income_minor == 400 + 311 + 100
        assert made.surplus_minor == 811 - 569 - 60
        assert all(ledger.balance(session, account) == 0 for account in distributions.RESULT_ACCOUNTS)
        assert ledger.balance(session, "reserve") == -made.reserve_minor == -18
        owed = -ledger.balance(session, "surplus_payable")
        assert owed == made.shared_minor == made.surplus_minor - made.reserve_minor
        assert ledger.verify(session) == []


def test_a_loss_is_carried_and_shares_nothing(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people = books.found(session)
        books.use_some(session, people)
        made = distributions.of_period(session, books.close(session, people, cost_minor=900))
        assert made is not None
        assert made.surplus_minor == 811 - 569 - 900
        assert ledger.balance(session, "result_carried") == -made.surplus_minor
        assert ledger.balance(session, "surplus_payable") == 0


def test_late_receipts_fall_into_the_next_period_once(database: Database) -> None:
    with database.transaction() as session:
        people = books.found(session)
        books.use_some(session, people)
        books.close(session, people)
        books.use(session, "late", people.bo, people.gul, 5_000_000, used_at=ENDS_AT - timedelta(seconds=1))
        books.use(session, "edge", people.bo, people.gul, 6_000_000, used_at=ENDS_AT)
        books.use(session, "after", people.bo, people.gul, 7_000_000, used_at=ENDS_AT + timedelta(days=40))
        later = ENDS_AT + timedelta(days=31)
        july = periods.create(session, actor=people.ada, name="July", starts_at=ENDS_AT, ends_at=later, now=later)
        periods.complete_usage(session, actor=people.ada, period_id=july.id, now=later)
        rows = {(row.member_id, row.side): row for row in periods.list_usage(session, july.id)}
        bo = rows[people.bo.member_id, "consumer"]
        assert (bo.brought_nano, bo.used_nano, bo.receipts) == (1_234_567, 11_000_000, 2)
        assert (bo.posted_minor, bo.carried_nano) == (1, 2_234_567)


def test_usage_is_not_complete_before_the_period_is_over(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people = books.found(session)
        period = periods.create(
            session, actor=people.ada, name="Q", starts_at=STARTS_AT, ends_at=ENDS_AT, now=STARTS_AT
        )
        with pytest.raises(Conflict, match=r"period\.not_over"):
            periods.complete_usage(
                session, actor=people.ada, period_id=period.id, now=ENDS_AT - timedelta(microseconds=1)
            )
        periods.complete_usage(session, actor=people.ada, period_id=period.id, now=ENDS_AT)


def test_no_step_can_be_skipped_or_taken_twice(database: Database) -> None:
    with database.transaction() as session:
        people = books.found(session)
        ada = people.ada
        period = periods.create(session, actor=ada, name="Q", starts_at=STARTS_AT, ends_at=ENDS_AT, now=CLOSED_AT)
        steps = [
            lambda: periods.complete_usage(session, actor=ada, period_id=period.id, now=CLOSED_AT),
            lambda: periods.complete_costs(session, actor=ada, period_id=period.id, now=CLOSED_AT),
            lambda: distributions.distribute(session, actor=ada, period_id=period.id, now=CLOSED_AT),
            lambda: payouts.prepare(session, actor=ada, period_id=period.id, now=CLOSED_AT),
        ]
        for at in range(len(steps)):
            for other, step in enumerate(steps):
                if other != at:
                    with pytest.raises(Conflict):
                        step()
            steps[at]()
        for step in steps:
            with pytest.raises(Conflict):
                step()


def test_a_cost_is_entered_only_at_its_step(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people = books.found(session)
        period_id = books.close(session, people)
        with pytest.raises(Conflict, match=r"period\.wrong_step"):
            periods.enter_cost(
                session, actor=people.ada, period_id=period_id, text="Late", amount_minor=1, now=CLOSED_AT
            )


def test_periods_are_closed_in_their_order(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people = books.found(session)
        middle = STARTS_AT + timedelta(days=30)
        periods.create(session, actor=people.ada, name="First", starts_at=STARTS_AT, ends_at=middle, now=CLOSED_AT)
        second = periods.create(
            session, actor=people.ada, name="Second", starts_at=middle, ends_at=ENDS_AT, now=CLOSED_AT
        )
        with pytest.raises(Conflict, match=r"period\.earlier_open"):
            periods.complete_usage(session, actor=people.ada, period_id=second.id, now=CLOSED_AT)


def test_periods_overlap_nowhere_and_only_a_treasurer_adds_them(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people = books.found(session)
        books.close(session, people)
        for starts_at, ends_at, name in (
            (ENDS_AT - timedelta(seconds=1), ENDS_AT + timedelta(days=1), "Overlap"),
            (ENDS_AT, ENDS_AT, "Empty"),
            (ENDS_AT, ENDS_AT + timedelta(days=1), "Quarter 2"),
        ):
            with pytest.raises(Invalid):
                periods.create(
                    session, actor=people.ada, name=name, starts_at=starts_at, ends_at=ends_at, now=CLOSED_AT
                )
        for actor in (people.bo, people.finn, people.gul, people.lea, books.CLERK):
            with pytest.raises(Forbidden):
                periods.create(
                    session, actor=actor, name="X", starts_at=ENDS_AT, ends_at=ENDS_AT + timedelta(1), now=CLOSED_AT
                )
