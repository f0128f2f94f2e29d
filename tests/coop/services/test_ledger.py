"""The ledger on both databases: it balances, books once, reverses once, and cannot be altered unnoticed."""

import csv
import io
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from coop.core.actor import Actor, Role, system
from coop.core.db import Database
from coop.core.errors import Conflict, Forbidden, Invalid, NotFound
from coop.models.events import Event
from coop.models.ledger import Entry
from coop.rules.bylaws import FOUNDING
from coop.services import cooperatives, ledger
from coop.services.ledger import credit, debit

ADA = Actor(label="Ada", user_id="ada", roles=frozenset({Role.TREASURER}))
BO = Actor(label="Bo", user_id="bo")
CHOSEN = ("bank", "reserve", "operating_cost", "usage_income", "result_carried")


@pytest.fixture
def books(database: Database, now: datetime) -> Database:
    return open_books(database, now)


@pytest.fixture
def books_on_sqlite(sqlite: Database, now: datetime) -> Database:
    return open_books(sqlite, now)


def open_books(database: Database, now: datetime) -> Database:
    with database.transaction() as session:
        cooperatives.found(
            session, name="Valley", legal_name="Valley eG", currency="EUR", timezone="UTC", bylaws=FOUNDING,
            is_demo=False, now=now,
        )  # fmt: skip
        ledger.open_chart(session)
        ledger.open_chart(session)
    return database


def pay(session: Session, now: datetime, *, key: str = "cost:1", amount: int = 500, note: str = "Power") -> Entry:
    return ledger.post(
        session, key=key, kind="cost", text=note, detail={}, actor=ADA, now=now,
        postings=[debit("operating_cost", amount), credit("bank", amount)],
    )  # fmt: skip


def test_the_same_key_with_the_same_inputs_books_once(books: Database, now: datetime) -> None:
    with books.transaction() as session:
        first = pay(session, now)
    with books.transaction() as session:
        assert pay(session, now + timedelta(hours=1)).id == first.id
        assert ledger.balance(session, "bank") == -500
        assert ledger.count_entries(session) == 1


def test_the_same_key_with_other_inputs_is_refused(books: Database, now: datetime) -> None:
    with books.transaction() as session:
        pay(session, now)
    with pytest.raises(Conflict) as refused, books.transaction() as session:
        pay(session, now, amount=501)
    assert refused.value.code == "ledger.key_reused"


def test_balances_can_be_read_as_of_any_moment(books: Database, now: datetime) -> None:
    with books.transaction() as session:
        pay(session, now, key="a", amount=100)
        pay(session, now + timedelta(days=1), key="b", amount=20)
    with books.reading() as session:
        assert ledger.balance(session, "bank", at=now - timedelta(microseconds=1)) == 0
        assert ledger.balance(session, "bank", at=now) == -100
        assert ledger.balance(session, "bank") == -120
        rows = {row.code: row.balance_minor for row in ledger.trial_balance(session, now)}
        assert rows["operating_cost"] == 100
        assert rows["bank"] == -100


def test_a_reversal_names_what_it_reverses_and_happens_once(books: Database, now: datetime) -> None:
    with books.transaction() as session:
        entry = pay(session, now)
        undone = ledger.reverse(session, entry_id=entry.id, key="undo", reason="Typed twice", actor=ADA, now=now)
        again = ledger.reverse(session, entry_id=entry.id, key="undo", reason="Typed twice", actor=ADA, now=now)
        assert undone.reverses_id == entry.id
        assert again.id == undone.id
        assert ledger.balance(session, "bank") == 0
        for entry_id, code in ((entry.id, "ledger.already_reversed"), (undone.id, "ledger.is_reversal")):
            with pytest.raises(Conflict) as refused:
                ledger.reverse(session, entry_id=entry_id, key="other", reason="", actor=ADA, now=now)
            assert refused.value.code == code
        with pytest.raises(NotFound):
            ledger.reverse(session, entry_id="none", key="x", reason="", actor=ADA, now=now)
        assert ledger.verify(session) == []
        assert ledger.show_entry(session, entry.id).reversed_by_id == undone.id


def test_only_a_treasurer_reverses(books: Database, now: datetime) -> None:
    with books.transaction() as session:
        entry = pay(session, now)
        with pytest.raises(Forbidden):
            ledger.reverse(session, entry_id=entry.id, key="undo", reason="", actor=BO, now=now)


def test_a_sub_account_needs_its_member(books: Database, now: datetime) -> None:
    with pytest.raises(Invalid) as refused, books.transaction() as session:
        ledger.post(
            session, key="x", kind="x", text="", detail={}, actor=ADA, now=now,
            postings=[debit("bank", 5), credit("member_credit", 5)],
        )  # fmt: skip
    assert refused.value.code == "ledger.member_missing"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_posting SET amount_minor = amount_minor + 1",
        "DELETE FROM ledger_posting",
        "UPDATE ledger_entry SET text = 'other'",
        "DELETE FROM ledger_entry",
    ],
)
def test_the_database_refuses_to_change_what_is_booked(books: Database, now: datetime, statement: str) -> None:
    with books.transaction() as session:
        pay(session, now)
    with pytest.raises(DBAPIError, match="refuses"), books.transaction() as session:
        session.connection().execute(text(statement))
    with books.reading() as session:
        assert ledger.verify(session) == []


def test_the_verifier_finds_what_an_owner_of_the_file_alters(books_on_sqlite: Database, now: datetime) -> None:
    with books_on_sqlite.transaction() as session:
        pay(session, now)
    with books_on_sqlite.transaction() as session:
        connection = session.connection()
        for table in ("ledger_posting", "ledger_entry"):
            connection.execute(text(f"DROP TRIGGER {table}_no_update"))
        connection.execute(text("UPDATE ledger_posting SET amount_minor = 501 WHERE amount_minor = 500"))
        codes = {problem.code for problem in ledger.verify(session)}
    assert codes == {"ledger.entry_unbalanced", "ledger.entry_altered", "ledger.total_not_zero"}


def test_each_entry_is_an_event_of_the_log(books: Database, now: datetime) -> None:
    with books.transaction() as session:
        entry = pay(session, now)
        event = session.exec(select(Event).where(Event.kind == "ledger.posted")).one()
    assert event.subject == entry.id
    assert event.body["inputs_digest"] == entry.inputs_digest


def test_the_export_holds_every_line_and_no_formula(books: Database, now: datetime) -> None:
    with books.transaction() as session:
        pay(session, now, note='=HYPERLINK("x","y")')
        rows = list(csv.DictReader(io.StringIO(ledger.export_csv(session))))
    assert [(row["account"], row["debit"], row["credit"]) for row in rows] == [
        ("bank", "", "5.00"),
        ("operating_cost", "5.00", ""),
    ]
    assert all(row["text"].startswith("'=") for row in rows)


def test_entries_come_in_pages_newest_first(books_on_sqlite: Database, now: datetime) -> None:
    with books_on_sqlite.transaction() as session:
        for index in range(5):
            pay(session, now + timedelta(hours=index), key=f"k{index}", amount=index + 1)
        pages = [[row.total_minor for row in ledger.list_entries(session, page=page, limit=2)] for page in (1, 2, 3)]
    assert pages == [[5, 4], [3, 2], [1]]


action = st.one_of(
    st.tuples(
        st.just("post"), st.integers(0, 6), st.sampled_from(CHOSEN), st.sampled_from(CHOSEN), st.integers(1, 9_999)
    ),
    st.tuples(st.just("reverse"), st.integers(0, 6)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(action, max_size=12))
def test_whatever_is_posted_and_reversed_the_books_balance(
    books_on_sqlite: Database, now: datetime, actions: list[tuple[object, ...]]
) -> None:
    def play(session: Session) -> None:
        for step in actions:
            key, keys = str(step[1]), {row.idempotency_key: row.id for row in session.exec(select(Entry))}
            before = ledger.trial_balance(session)
            try:
                if step[0] == "post":
                    ledger.post(
                        session, key=key, kind="k", text="", detail={}, actor=system("test"), now=now,
                        postings=[debit(str(step[2]), int(str(step[4]))), credit(str(step[3]), int(str(step[4])))],
                    )  # fmt: skip
                elif key in keys:
                    ledger.reverse(session, entry_id=keys[key], key=f"r{key}", reason="", actor=ADA, now=now)
            except Conflict:
                assert ledger.trial_balance(session) == before
            assert sum(row.balance_minor for row in ledger.trial_balance(session)) == 0
        assert ledger.verify(session) == []

    with books_on_sqlite.reading() as session:  # what it writes is rolled back, so each example starts afresh
        play(session)
