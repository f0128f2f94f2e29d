"""Payout runs: four eyes over frozen content, in the service and again in the database."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from coop.core.actor import Actor, Role
from coop.core.db import Database
from coop.core.errors import Conflict, Forbidden, NotFound, Tampered
from coop.core.ids import new_id
from coop.core.signing import digest
from coop.models.payouts import PayoutApproval
from coop.models.work import Task
from coop.services import ledger, payouts, periods
from tests import treasury as books
from tests.treasury import CLOSED_AT


def test_a_paid_run_leaves_nothing_owed_and_a_balance_of_zero(database: Database) -> None:
    with database.transaction() as session:
        people, run_id = books.prepared(session)
        books.sign(session, run_id, people.finn)
        run = payouts.mark_paid(session, actor=people.ada, run_id=run_id, now=CLOSED_AT + timedelta(days=1))
        assert run.state == "paid"
        assert run.total_minor == 569 + 164
        assert ledger.balance(session, "provider_payable") == 0
        assert ledger.balance(session, "surplus_payable") == 0
        assert (
            sum(
                row.debit_minor - row.credit_minor
                for row in ledger.trial_balance(session, CLOSED_AT + timedelta(days=2))
            )
            == 0
        )
        assert ledger.verify(session) == []
        assert periods.get(session, run.period_id).state == "paid"


def test_the_content_is_frozen_and_its_rows_are_the_payouts(database: Database) -> None:
    with database.transaction() as session:
        _, run_id = books.prepared(session)
        session.expire_all()
        run = payouts.get(session, run_id)
        assert run.number == "PR-2026-01"
        assert digest(run.content) == run.content_digest
        payouts.verify(session, run)
        rows = payouts.list_payouts(session, run_id)
        assert [row.number for row in rows] == [f"2026-01-{number:04d}" for number in range(1, 6)]
        assert sum(row.amount_minor for row in rows) == run.total_minor


def test_approval_asks_for_documents_once(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people, run_id = books.prepared(session)
        books.sign(session, run_id, people.finn)
        with pytest.raises(Conflict, match=r"payout\.not_waiting"):
            books.sign(session, run_id, people.finn)
        kinds = list(session.exec(select(Task.kind)))
        assert kinds == [payouts.DOCUMENTS_TASK]


def actors_who_may_not_sign(session: object, people: books.Treasury) -> list[Actor]:
    as_approver = Actor(
        label="Ada", user_id=people.ada.user_id, member_id=people.ada.member_id, roles=frozenset({Role.APPROVER})
    )
    other_account = books.second_user(session, people, of="ada", role=Role.APPROVER)  # type: ignore[arg-type]
    nobody = Actor(label="script", roles=frozenset({Role.APPROVER}))
    return [people.ada, as_approver, other_account, nobody, people.bo, people.gul, people.lea, books.CLERK]


def test_only_another_human_with_the_office_can_sign(database: Database) -> None:
    with database.transaction() as session:
        people, run_id = books.prepared(session)
        for actor in actors_who_may_not_sign(session, people):
            with pytest.raises(Forbidden):
                books.sign(session, run_id, actor)
        with pytest.raises(Conflict, match=r"payout\.not_approved"):
            payouts.mark_paid(session, actor=people.ada, run_id=run_id, now=CLOSED_AT)
        assert payouts.list_approvals(session, run_id) == []


def test_a_signature_over_another_hash_is_refused(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people, run_id = books.prepared(session)
        with pytest.raises(Conflict, match=r"payout\.other_content"):
            payouts.approve(session, actor=people.finn, run_id=run_id, content_digest="0" * 64, now=CLOSED_AT)


def test_only_the_treasurer_marks_as_paid_and_only_once(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people, run_id = books.prepared(session)
        books.sign(session, run_id, people.finn)
        for actor in (people.finn, people.bo, people.gul, people.lea, books.CLERK):
            with pytest.raises(Forbidden):
                payouts.mark_paid(session, actor=actor, run_id=run_id, now=CLOSED_AT)
        payouts.mark_paid(session, actor=people.ada, run_id=run_id, now=CLOSED_AT)
        with pytest.raises(Conflict):
            payouts.mark_paid(session, actor=people.ada, run_id=run_id, now=CLOSED_AT)


def test_a_member_sees_only_her_own_payout(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people, run_id = books.prepared(session)
        rows = {row.member_id: row.id for row in payouts.list_payouts(session, run_id)}
        assert people.bo.member_id is not None
        assert payouts.get_payout(session, payout_id=rows[people.bo.member_id], actor=people.bo)
        with pytest.raises(NotFound):
            payouts.get_payout(session, payout_id=rows[people.bo.member_id], actor=people.gul)
        with pytest.raises(NotFound):
            payouts.get_payout(session, payout_id=new_id(), actor=people.ada)


APPROVAL = (
    "INSERT INTO payout_approval (id, run_id, prepared_by, content_digest, approved_by, approved_at)"
    " SELECT '{id}', id, {prepared_by}, {digest}, {approved_by}, prepared_at FROM payout_run"
)
ATTACKS = {
    "approved without an approval": "UPDATE payout_run SET state = 'approved'",
    "paid without an approval": "UPDATE payout_run SET state = 'paid'",
    "another amount": "UPDATE payout_run SET total_minor = total_minor + 1",
    "another hash": "UPDATE payout_run SET content_digest = 'f00'",
    "another content": "UPDATE payout_run SET content = '{\"rows\": []}'",
    "another preparer": (
        "UPDATE payout_run SET prepared_by = (SELECT min(u.id) FROM user_account u WHERE u.id <> prepared_by)"
    ),
    "a row with another amount": "UPDATE payout SET amount_minor = amount_minor + 1",
    "a row taken away": "DELETE FROM payout",
    "the run taken away": "DELETE FROM payout_run",
    "the preparer's own approval": APPROVAL.format(
        id="a1", prepared_by="prepared_by", digest="content_digest", approved_by="prepared_by"
    ),
    "an approval that names another preparer": APPROVAL.format(
        id="a2",
        prepared_by="(SELECT min(id) FROM user_account WHERE id <> prepared_by)",
        digest="content_digest",
        approved_by="prepared_by",
    ),
    "an approval of another hash": APPROVAL.format(
        id="a3",
        prepared_by="prepared_by",
        digest="'f00'",
        approved_by="(SELECT max(id) FROM user_account WHERE id <> prepared_by)",
    ),
    "a line of the distribution changed": "UPDATE distribution_line SET amount_minor = 0",
    "a run inserted as approved": (
        "INSERT INTO payout_run (id, number, period_id, state, total_minor, content, content_digest, prepared_by,"
        " prepared_at) SELECT 'x', 'PR-X', period_id, 'approved', 1, content, content_digest, prepared_by,"
        " prepared_at FROM payout_run"
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_raw_sql_is_refused_by_the_database(database: Database, attack: str) -> None:
    with database.transaction() as session:
        books.prepared(session)
    with pytest.raises(DBAPIError), database.transaction() as session:
        session.connection().execute(text(ATTACKS[attack].replace(":", "\\:")))
    with database.reading() as session:
        run = payouts.list_runs(session)[0]
        payouts.verify(session, run)
        assert run.state == "prepared"


def test_a_signature_is_never_taken_back(database: Database) -> None:
    with database.transaction() as session:
        people, run_id = books.prepared(session)
        books.sign(session, run_id, people.finn)
    for attack in ("DELETE FROM payout_approval", "UPDATE payout_run SET state = 'prepared'"):
        with pytest.raises(DBAPIError), database.transaction() as session:
            session.connection().execute(text(attack))


def test_a_forged_row_is_detected_where_triggers_were_dropped(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people, run_id = books.prepared(session)
    with sqlite.transaction() as session:
        session.connection().execute(text("DROP TRIGGER payout_no_update"))
        session.connection().execute(
            text("UPDATE payout SET amount_minor = amount_minor + 1000 WHERE number LIKE '%-0001'")
        )
    with sqlite.transaction() as session, pytest.raises(Tampered):
        books.sign(session, run_id, people.finn)


def test_two_accounts_of_one_member_are_one_human_to_the_database_too(database: Database) -> None:
    with database.transaction() as session:
        people, run_id = books.prepared(session)
        other = books.second_user(session, people, of="ada", role=Role.APPROVER)
        run = payouts.get(session, run_id)
        session.add(
            PayoutApproval(
                run_id=run_id, prepared_by=run.prepared_by, content_digest=run.content_digest,
                approved_by=str(other.user_id), approved_at=CLOSED_AT,
            )
        )  # fmt: skip
    with pytest.raises(DBAPIError), database.transaction() as session:
        session.connection().execute(text("UPDATE payout_run SET state = 'approved'"))
    with database.transaction() as session:
        books.sign(session, run_id, people.finn)
        assert payouts.get(session, run_id).state == "approved"
