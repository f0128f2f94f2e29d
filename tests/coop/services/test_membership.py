"""From the application to the register, and what members pay: once, by reference, exactly."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from coop.core.actor import Actor, Role, system
from coop.core.db import Database
from coop.core.errors import Conflict, CoopError, Forbidden, InsufficientCredit, Invalid, NotFound
from coop.models.events import Event
from coop.models.members import Application, Member
from coop.models.users import User
from coop.rules.bylaws import FOUNDING
from coop.services import applications, cooperatives, ledger, members, payments, shares
from coop.services import credits as prepaid

GUL = Actor(label="Gul", user_id="gul", roles=frozenset({Role.ADMIN}))
ADA = Actor(label="Ada", user_id="ada", roles=frozenset({Role.TREASURER}))
STRANGER = Actor(label="visitor")
ONE = 1_000_000
NANO_PER_CENT = 10_000_000


@dataclass
class Coop:
    """A founded co-op for the tests of one database."""

    database: Database
    now: datetime

    def apply(self, name: str, *, shares_micro: int = ONE, actor: Actor = STRANGER) -> Application:
        with self.database.transaction() as session:
            return applications.apply(
                session, actor=actor, name=name, email=f"{name}@Example.org", address="", reason="",
                shares_micro=shares_micro, now=self.now,
            )  # fmt: skip

    def approved(self, name: str, *, shares_micro: int = ONE) -> Application:
        application = self.apply(name, shares_micro=shares_micro)
        with self.database.transaction() as session:
            return applications.approve(session, application_id=application.id, actor=GUL, now=self.now)

    def pay(self, reference: str, amount_minor: int, *, after: timedelta = timedelta()) -> payments.Confirmed:
        with self.database.transaction() as session:
            return payments.confirm(
                session, reference=reference, amount_minor=amount_minor, actor=ADA, now=self.now + after
            )

    def join(self, name: str) -> Actor:
        application = self.approved(name)
        done = self.pay(application.reference, application.amount_minor)
        return Actor(label=name, user_id=application.user_id, member_id=done.member_id)


@pytest.fixture
def coop(database: Database, now: datetime) -> Coop:
    return found(database, now)


@pytest.fixture
def coop_on_sqlite(sqlite: Database, now: datetime) -> Coop:
    return found(sqlite, now)


def found(database: Database, now: datetime) -> Coop:
    with database.transaction() as session:
        cooperatives.found(
            session, name="Valley", legal_name="Valley eG", currency="EUR", timezone="UTC", bylaws=FOUNDING,
            is_demo=False, now=now,
        )  # fmt: skip
        ledger.open_chart(session)
        shares.create_class(
            session, name="Share", nominal_minor=25_000, is_membership=True, actor=system("setup"), now=now
        )
    return Coop(database, now)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(CoopError) as refused:
        call()
    return refused.value.code


def test_applying_approving_and_paying_makes_a_member(coop: Coop) -> None:
    application = coop.approved("cy", shares_micro=1_500_000)
    assert application.amount_minor == 37_500
    done = coop.pay(application.reference.lower().replace("-", " "), 37_500)
    with coop.database.reading() as session:
        member = members.get(session, done.member_id)
        assert (member.number, member.name, member.email) == (1, "cy", "cy@example.org")
        assert members.of_user(session, application.user_id) == member
        assert shares.holding_micro(session, member.id, coop.now) == 1_500_000
        assert shares.holding_micro(session, member.id, coop.now - timedelta(seconds=1)) == 0
        assert ledger.balance(session, "bank") == 37_500
        assert ledger.balance(session, "share_capital", member.id) == -37_500
        assert members.list_entitled(session, coop.now) == [(member.id, 1)]
        assert members.list_entitled(session, coop.now - timedelta(seconds=1)) == []
        assert ledger.verify(session) == []
        kinds = {event.kind for event in session.exec(select(Event))}
    expected = {"application.applied", "application.approved", "member.joined", "shares.issued", "payment.confirmed"}
    assert expected <= kinds


def test_an_applicant_cannot_sign_in_by_applying(coop: Coop) -> None:
    application = coop.apply("cy")
    with coop.database.reading() as session:
        assert session.get_one(User, application.user_id).password_hash is None


def test_an_address_applies_once_whatever_its_case(coop: Coop) -> None:
    coop.apply("cy")
    assert code_of(lambda: coop.apply("CY")) == "application.duplicate"
    coop.join("bo")
    assert code_of(lambda: coop.apply("bo")) == "application.duplicate"


def test_a_refused_person_applies_again_signed_in_but_no_stranger_for_her(coop: Coop) -> None:
    application = coop.apply("cy")
    with coop.database.transaction() as session:
        applications.refuse(session, application_id=application.id, actor=GUL, now=coop.now, note="Later")
    assert code_of(lambda: coop.apply("cy")) == "application.duplicate"
    assert coop.apply("cy", actor=Actor(label="cy", user_id=application.user_id)).user_id == application.user_id


def test_a_member_does_not_apply_again(coop: Coop) -> None:
    bo = coop.join("bo")
    assert code_of(lambda: coop.apply("other", actor=bo)) == "application.duplicate"


def test_what_is_typed_wrong_is_said_per_field(coop_on_sqlite: Coop) -> None:
    with pytest.raises(Invalid) as refused, coop_on_sqlite.database.transaction() as session:
        applications.apply(
            session, actor=STRANGER, name=" ", email="nobody", address="a" * 401, reason="r" * 4_001,
            shares_micro=ONE, now=coop_on_sqlite.now,
        )  # fmt: skip
    assert set(refused.value.fields) == {"name", "email", "address", "reason"}
    assert code_of(lambda: coop_on_sqlite.apply("cy", shares_micro=999_999)) == "shares.below_least"


def test_only_an_admin_decides_and_only_once(coop: Coop) -> None:
    application = coop.apply("cy")

    def decide(actor: Actor) -> None:
        with coop.database.transaction() as session:
            applications.approve(session, application_id=application.id, actor=actor, now=coop.now)

    assert code_of(lambda: decide(ADA)) == "access.role_needed"
    decide(GUL)
    assert code_of(lambda: decide(GUL)) == "application.already_decided"


def test_a_stranger_does_not_see_an_application(coop_on_sqlite: Coop) -> None:
    application = coop_on_sqlite.apply("cy")
    with coop_on_sqlite.database.reading() as session:
        for actor in (STRANGER, Actor(label="eve", user_id="eve")):
            with pytest.raises(NotFound):
                applications.get(session, application_id=application.id, actor=actor)
        own = Actor(label="cy", user_id=application.user_id)
        assert applications.get(session, application_id=application.id, actor=own).id == application.id


def test_a_wrong_amount_books_nothing_and_names_both(coop: Coop) -> None:
    application = coop.approved("cy")
    with pytest.raises(Conflict) as refused:
        coop.pay(application.reference, 24_999)
    assert refused.value.code == "payment.wrong_amount"
    assert (refused.value.values["expected"], refused.value.values["got"]) == ("250.00", "249.99")
    with coop.database.reading() as session:
        assert ledger.count_entries(session) == 0


def test_payments_are_refused_that_nobody_waits_for(coop: Coop) -> None:
    assert code_of(lambda: coop.pay("rubbish", 1)) == "payment.reference_wrong"
    assert code_of(lambda: coop.pay("A-0000-0000", 1)) == "payment.reference_unknown"
    application = coop.apply("cy")
    assert code_of(lambda: coop.pay(application.reference, application.amount_minor)) == "payment.not_approved"


def test_only_a_treasurer_confirms(coop_on_sqlite: Coop) -> None:
    application = coop_on_sqlite.approved("cy")
    with coop_on_sqlite.database.transaction() as session, pytest.raises(Forbidden):
        payments.confirm(
            session, reference=application.reference, amount_minor=25_000, actor=GUL, now=coop_on_sqlite.now
        )


def at_once(call: Callable[[], object], times: int) -> list[str]:
    def outcome(_index: int) -> str:
        try:
            call()
        except Conflict as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(times) as pool:
        return sorted(pool.map(outcome, range(times)))


def test_a_payment_confirmed_many_times_at_once_counts_once(coop: Coop) -> None:
    application = coop.approved("cy")
    outcomes = at_once(lambda: coop.pay(application.reference, 25_000), 5)
    assert outcomes == ["done"] + ["payment.already_decided"] * 4
    with coop.database.reading() as session:
        assert ledger.count_entries(session) == 1
        assert members.count(session, coop.now) == 1
        assert shares.total_micro(session) == ONE


def test_members_who_join_at_once_get_numbers_of_their_own(coop: Coop) -> None:
    waiting = [coop.approved(name) for name in ("a", "b", "c", "d")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda row: coop.pay(row.reference, row.amount_minor), waiting))
    with coop.database.reading() as session:
        assert [member.number for member in session.exec(select(Member).order_by(Member.number))] == [1, 2, 3, 4]


def test_applications_at_once_for_one_address_make_one(coop: Coop) -> None:
    assert at_once(lambda: coop.apply("cy"), 4) == ["application.duplicate"] * 3 + ["done"]


def test_further_shares_count_once_they_are_paid(coop: Coop) -> None:
    bo = coop.join("bo")
    with coop.database.transaction() as session:
        order = shares.subscribe(session, actor=bo, quantity_micro=123_457, now=coop.now)
    assert order.amount_minor == 3_086
    with coop.database.reading() as session:
        assert shares.holding_micro(session, order.member_id) == ONE
    outcomes = at_once(lambda: coop.pay(order.reference, order.amount_minor, after=timedelta(days=1)), 3)
    assert outcomes.count("done") == 1
    with coop.database.reading() as session:
        assert shares.holdings(session) == {order.member_id: 1_123_457}
        assert shares.holdings(session, coop.now) == {order.member_id: ONE}


@pytest.mark.parametrize("quantity_micro", [0, -1, 10**30, 1])
def test_a_quantity_that_cannot_be_is_refused(coop_on_sqlite: Coop, quantity_micro: int) -> None:
    bo = coop_on_sqlite.join("bo")
    with pytest.raises(Invalid), coop_on_sqlite.database.transaction() as session:
        shares.subscribe(session, actor=bo, quantity_micro=quantity_micro, now=coop_on_sqlite.now)


def test_an_order_is_cancelled_by_its_member_only_and_never_paid_then(coop: Coop) -> None:
    bo, eve = coop.join("bo"), coop.join("eve")
    with coop.database.transaction() as session:
        order = shares.subscribe(session, actor=bo, quantity_micro=ONE, now=coop.now)
        with pytest.raises(NotFound):
            shares.cancel(session, actor=eve, subscription_id=order.id, now=coop.now)
        shares.cancel(session, actor=bo, subscription_id=order.id, now=coop.now)
    assert code_of(lambda: coop.pay(order.reference, order.amount_minor)) == "payment.already_decided"


def test_a_person_outside_the_register_orders_nothing(coop_on_sqlite: Coop) -> None:
    with coop_on_sqlite.database.transaction() as session:
        with pytest.raises(Forbidden):
            shares.subscribe(session, actor=STRANGER, quantity_micro=ONE, now=coop_on_sqlite.now)
        with pytest.raises(Forbidden):
            prepaid.deposit(session, actor=STRANGER, member_id="m", amount_minor=1, now=coop_on_sqlite.now)


def test_a_deposit_becomes_credit_to_the_last_nano(coop: Coop) -> None:
    bo = coop.join("bo")
    member_id = bo.require_member()
    with coop.database.transaction() as session:
        row = prepaid.deposit(session, actor=bo, member_id=member_id, amount_minor=2_001, now=coop.now)
        assert prepaid.available_nano(session, member_id) == 0
    assert at_once(lambda: coop.pay(row.reference, 2_001), 3).count("done") == 1
    with coop.database.transaction() as session:
        assert prepaid.available_nano(session, member_id) == 2_001 * NANO_PER_CENT
        assert ledger.balance(session, "member_credit", member_id) == -2_001
        prepaid.take(session, member_id=member_id, nano=2_001 * NANO_PER_CENT - 7)
        with pytest.raises(InsufficientCredit):
            prepaid.take(session, member_id=member_id, nano=8)
        prepaid.give_back(session, member_id=member_id, nano=3)
        assert prepaid.available_nano(session, member_id) == 10


def test_credit_is_never_overdrawn_by_many_at_once(coop: Coop) -> None:
    bo = coop.join("bo")
    with coop.database.transaction() as session:
        prepaid.give_back(session, member_id=bo.require_member(), nano=25)

    def take() -> bool:
        try:
            with coop.database.transaction() as session:
                prepaid.take(session, member_id=bo.require_member(), nano=10)
        except InsufficientCredit:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _index: take(), range(6)))
    assert taken.count(True) == 2
    with coop.database.reading() as session:
        assert prepaid.available_nano(session, bo.require_member()) == 5


def test_usage_is_recorded_once_per_receipt(coop: Coop) -> None:
    bo, dee = coop.join("bo"), coop.join("dee")

    def record(_index: int) -> bool:
        with coop.database.transaction() as session:
            row = prepaid.record_usage(
                session, source_id="r1", consumer_id=bo.require_member(), provider_id=dee.require_member(),
                quantity=12, cost_nano=240, earned_nano=168, detail={}, used_at=coop.now,
            )  # fmt: skip
            return row is not None

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(record, range(4))).count(True) == 1
    with coop.database.reading() as session:
        assert prepaid.summarise(session, bo.require_member()).used_nano == 240


def test_a_deposit_needs_an_amount_above_zero(coop_on_sqlite: Coop) -> None:
    bo = coop_on_sqlite.join("bo")
    for amount_minor in (0, -1, 10**12 + 1):
        with pytest.raises(Invalid), coop_on_sqlite.database.transaction() as session:
            prepaid.deposit(
                session, actor=bo, member_id=bo.require_member(), amount_minor=amount_minor, now=coop_on_sqlite.now
            )


def test_expected_payments_are_for_the_treasurer(coop: Coop) -> None:
    application = coop.approved("cy")
    bo = coop.join("bo")
    with coop.database.transaction() as session:
        order = shares.subscribe(session, actor=bo, quantity_micro=ONE, now=coop.now + timedelta(hours=1))
        row = prepaid.deposit(
            session, actor=bo, member_id=bo.require_member(), amount_minor=5, now=coop.now + timedelta(hours=2)
        )
        listed = payments.list_expected(session, actor=ADA)
        assert [each.reference for each in listed] == [application.reference, order.reference, row.reference]
        assert [each.kind for each in listed] == ["application", "shares", "credit"]
        with pytest.raises(Forbidden):
            payments.list_expected(session, actor=bo)


def test_a_coop_is_founded_once(coop_on_sqlite: Coop) -> None:
    assert code_of(lambda: found(coop_on_sqlite.database, coop_on_sqlite.now)) == "coop.exists"
    with coop_on_sqlite.database.reading() as session:
        assert cooperatives.current_bylaws(session, coop_on_sqlite.now) == (1, FOUNDING)
        with pytest.raises(NotFound):
            cooperatives.current_bylaws(session, coop_on_sqlite.now - timedelta(days=1))
