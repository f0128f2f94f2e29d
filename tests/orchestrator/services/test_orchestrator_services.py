"""Machines, keys, budgets and receipts in the database, on both engines where it may differ."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from coop.core.actor import Actor
from coop.core.errors import Conflict, CoopError, Forbidden, Gone, InsufficientCredit, Invalid, NotFound, Tampered
from coop.core.ids import token_digest
from coop.core.money import cost_nano
from coop.models.credits import Contribution
from orchestrator.models.keys import BudgetLease, Receipt
from orchestrator.models.nodes import Node
from orchestrator.rules import receipts as rules
from orchestrator.rules.identity import Identity, new_seed
from orchestrator.services import budgets, enrolments, keys, nodes, receipts

CREDIT_NANO = 1_000_000_000


def lease(grid: Any, least: int = 1, *, at: Any = None) -> BudgetLease:
    with grid.database.transaction() as session:
        return budgets.lease(
            session, member_id=grid.member_id, gateway="gateway-1", least_nano=least, now=at or grid.now
        )


def accept(grid: Any, body: rules.ReceiptBody, **changes: Any) -> Receipt:
    document, signature = grid.signed(body)
    with grid.database.transaction() as session:
        return receipts.accept(
            session,
            sender=changes.get("sender", body.node),
            receipt=document,
            signature=changes.get("signature", signature),
            now=grid.now,
        )


def countersign(grid: Any, body: rules.ReceiptBody) -> Receipt:
    document, signature = grid.signed(body)
    with grid.database.transaction() as session:
        return receipts.countersign(
            session,
            sender="gateway-1",
            gateway_key=grid.gateway_key.public_key,
            receipt=document,
            node_signature=signature,
            gateway_signature=grid.gateway_key.sign(rules.signed_bytes(body)),
            now=grid.now,
        )


# Machines -----------------------------------------------------------------------------------------
def test_code_lets_one_of_twenty_machines_in(grid: Any, gul: Actor) -> None:
    with grid.database.transaction() as session:
        code = nodes.create_code(
            session, node_name="barn-2", owner_id=grid.owner_id, fingerprint="f" * 16, actor=gul, now=grid.now
        )
    secret = code.partition(".")[0]

    def enter(_: int) -> str:
        try:
            with grid.database.transaction() as session:
                key = Identity(new_seed()).public_key
                enrolments.enrol(session, secret=secret, public_key=key, inventory_document={}, now=grid.now)
        except (Gone, Conflict, OperationalError):
            return "refused"
        return "in"

    with ThreadPoolExecutor(20) as pool:
        assert sorted(pool.map(enter, range(20))).count("in") == 1
    with grid.database.reading() as session:
        assert len(session.exec(select(Node).where(Node.name == "barn-2")).all()) == 1


def test_machine_that_asks_again_with_its_code_gets_its_node(sqlite_grid: Any, gul: Actor) -> None:
    grid, key = sqlite_grid, Identity(new_seed()).public_key
    with grid.database.transaction() as session:
        code = nodes.create_code(
            session, node_name="b", owner_id=grid.owner_id, fingerprint="f" * 16, actor=gul, now=grid.now
        )
        secret = code.partition(".")[0].lower()
        first = enrolments.enrol(session, secret=secret, public_key=key, inventory_document={}, now=grid.now)
        again = enrolments.enrol(session, secret=secret, public_key=key, inventory_document={}, now=grid.now)
    assert first.id == again.id


def test_old_unknown_and_malformed_enrolments_are_refused(sqlite_grid: Any, gul: Actor) -> None:
    grid, key = sqlite_grid, Identity(new_seed()).public_key
    with grid.database.transaction() as session:
        code = nodes.create_code(
            session, node_name="b", owner_id=grid.owner_id, fingerprint="f" * 16, actor=gul, now=grid.now
        )
        secret = code.partition(".")[0]
        late = grid.now + nodes.CODE_VALID
        with pytest.raises(Gone):
            enrolments.enrol(session, secret=secret, public_key=key, inventory_document={}, now=late)
        with pytest.raises(NotFound):
            enrolments.enrol(session, secret="x", public_key=key, inventory_document={}, now=grid.now)
        for bad_key in ("", "U" * 56, "A" + key[1:], key[:-1], "ü"):
            with pytest.raises(Invalid):
                enrolments.enrol(session, secret=secret, public_key=bad_key, inventory_document={}, now=grid.now)
        with pytest.raises(Invalid):
            enrolments.enrol(
                session, secret=secret, public_key=key, inventory_document={"cpu_count": "many"}, now=grid.now
            )


def test_only_the_sysadmin_decides_about_machines(sqlite_grid: Any) -> None:
    grid = sqlite_grid
    with grid.database.transaction() as session:
        for act in (nodes.approve, nodes.drain, nodes.resume, nodes.revoke):
            with pytest.raises(Forbidden):
                act(session, node_id=grid.node.id, actor=grid.ada, now=grid.now)
        with pytest.raises(Forbidden):
            nodes.create_code(
                session, node_name="x", owner_id=grid.owner_id, fingerprint="f", actor=grid.ada, now=grid.now
            )


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a b", "ä", "a" * 64, "a>", "*"])
def test_names_that_would_not_fit_a_subject_are_refused(sqlite_grid: Any, gul: Actor, name: str) -> None:
    with sqlite_grid.database.transaction() as session, pytest.raises(Invalid):
        nodes.create_code(
            session, node_name=name, owner_id=sqlite_grid.owner_id, fingerprint="f", actor=gul, now=sqlite_grid.now
        )


def test_machine_moves_only_along_its_states(grid: Any, gul: Actor) -> None:
    with grid.database.transaction() as session:
        with pytest.raises(Conflict):
            nodes.approve(session, node_id=grid.node.id, actor=gul, now=grid.now)
        assert nodes.drain(session, node_id=grid.node.id, actor=gul, now=grid.now).state == "draining"
        assert nodes.resume(session, node_id=grid.node.id, actor=gul, now=grid.now).state == "ready"
        assert nodes.revoke(session, node_id=grid.node.id, actor=gul, now=grid.now).credential is None
        with pytest.raises(Conflict):
            nodes.revoke(session, node_id=grid.node.id, actor=gul, now=grid.now)
        nodes.note_beat(session, name="barn-1", models=["m"], epoch=1, version=1, now=grid.now)
        assert nodes.list_fleet(session, now=grid.now) == []


def test_fleet_holds_who_is_ready_seen_and_obeys(grid: Any, gul: Actor) -> None:
    with grid.database.transaction() as session:
        assert nodes.list_fleet(session, now=grid.now) == []
        nodes.note_beat(session, name="barn-1", models=["m"], epoch=0, version=0, now=grid.now)
        assert nodes.list_fleet(session, now=grid.now) == []
        census = nodes.census(session, grid.now)
        assert (census.nodes, census.obeying, census.lagging) == (1, 0, ("barn-1",))
        nodes.note_obeyed(session, name="barn-1", epoch=1, version=1, now=grid.now)
        assert [node.name for node in nodes.list_fleet(session, now=grid.now)] == ["barn-1"]
        assert nodes.list_fleet(session, now=grid.now + nodes.SEEN_WITHIN) == []
        assert nodes.census(session, grid.now).obeying == 1
        later = nodes.census(session, grid.now + timedelta(minutes=1))
        assert later.obeying == 0  # nobody knows what an unseen machine does


# Keys ---------------------------------------------------------------------------------------------
def test_key_resolves_until_it_is_revoked_and_its_secret_is_nowhere(grid: Any) -> None:
    digest = token_digest(grid.secret)
    with grid.database.transaction() as session:
        assert keys.resolve(session, digest=digest, now=grid.now).member_id == grid.member_id
        assert grid.secret not in str(session.get(type(grid.key), grid.key.id))
        keys.revoke(session, key_id=grid.key.id, actor=grid.ada, now=grid.now)
        with pytest.raises(Gone):
            keys.resolve(session, digest=digest, now=grid.now)
        with pytest.raises(Conflict):
            keys.revoke(session, key_id=grid.key.id, actor=grid.ada, now=grid.now)
        with pytest.raises(NotFound):
            keys.resolve(session, digest="0" * 64, now=grid.now)


def test_key_of_somebody_else_cannot_be_revoked(sqlite_grid: Any) -> None:
    grid = sqlite_grid
    eve = replace(grid.ada, member_id=grid.owner_id)
    with grid.database.transaction() as session, pytest.raises(NotFound):
        keys.revoke(session, key_id=grid.key.id, actor=eve, now=grid.now)


def test_key_expires(sqlite_grid: Any) -> None:
    grid = sqlite_grid
    end = grid.now + timedelta(days=1)
    with grid.database.transaction() as session:
        made = keys.create(session, actor=grid.ada, name="short", expires_at=end, now=grid.now)
        digest = token_digest(made.secret)
        assert keys.resolve(session, digest=digest, now=end - timedelta(seconds=1)).expires_at == end
        with pytest.raises(Gone):
            keys.resolve(session, digest=digest, now=end)
        with pytest.raises(Invalid):
            keys.create(session, actor=grid.ada, name="past", expires_at=grid.now, now=grid.now)


# Budgets ------------------------------------------------------------------------------------------
def test_two_hundred_clients_at_once_never_lease_a_nano_unit_too_much(grid: Any) -> None:
    least = CREDIT_NANO // 100

    def take(_: int) -> int:
        for _try in range(50):
            try:
                return lease(grid, least).amount_nano
            except InsufficientCredit:
                return 0
            except OperationalError:
                continue
        raise AssertionError("never got through")

    with ThreadPoolExecutor(16) as pool:
        leased = sum(pool.map(take, range(200)))
    assert leased + grid.available() == CREDIT_NANO
    assert grid.available() < least


def test_lease_gives_what_is_left_and_refuses_more(grid: Any) -> None:
    assert lease(grid, CREDIT_NANO - 5).amount_nano == CREDIT_NANO - 5
    assert lease(grid, 3).amount_nano == 5
    with pytest.raises(InsufficientCredit):
        lease(grid, 1)


def test_slice_comes_back_once_however_often_it_is_returned(grid: Any) -> None:
    slices = [lease(grid) for _ in range(4)]

    def give(index: int) -> None:
        try:
            with grid.database.transaction() as session:
                budgets.give_back(
                    session, lease_id=slices[index % 4].id, gateway="gateway-1", spent_nano=0, now=grid.now
                )
        except (Conflict, OperationalError):
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(give, range(40)))
    with grid.database.transaction() as session:
        budgets.close_expired(session, grid.now + timedelta(hours=1))
    assert grid.available() == CREDIT_NANO


def test_slice_of_another_gateway_cannot_be_returned(sqlite_grid: Any) -> None:
    row = lease(sqlite_grid)
    with sqlite_grid.database.transaction() as session, pytest.raises(NotFound):
        budgets.give_back(session, lease_id=row.id, gateway="gateway-2", spent_nano=0, now=sqlite_grid.now)


def test_slice_of_a_lost_gateway_comes_back_after_the_grace(grid: Any) -> None:
    row = lease(grid)
    accept(grid, grid.body(row.id))
    cost = cost_nano(1_000, 20_000)
    with grid.database.transaction() as session:
        assert budgets.close_expired(session, grid.now + budgets.VALID) == 0
    with grid.database.transaction() as session:
        assert budgets.close_expired(session, grid.now + budgets.VALID + budgets.GRACE) == 1
        assert budgets.close_expired(session, grid.now + budgets.VALID + budgets.GRACE) == 0
    assert grid.available() == CREDIT_NANO - cost


def test_what_a_gateway_says_was_spent_waits_for_its_receipt_and_then_comes_back(grid: Any) -> None:
    row, cost = lease(grid), cost_nano(1_000, 20_000)
    with grid.database.transaction() as session:
        budgets.give_back(session, lease_id=row.id, gateway="gateway-1", spent_nano=2 * cost, now=grid.now)
    assert grid.available() == CREDIT_NANO - 2 * cost
    accept(grid, grid.body(row.id))
    assert grid.available() == CREDIT_NANO - 2 * cost
    with grid.database.transaction() as session:
        assert budgets.close_expired(session, grid.now + budgets.HOLD) == 1
        assert budgets.close_expired(session, grid.now + budgets.HOLD) == 0
    assert grid.available() == CREDIT_NANO - cost


# Receipts -----------------------------------------------------------------------------------------
def test_receipt_counts_once_whichever_way_it_comes_first(grid: Any) -> None:
    row = lease(grid)
    node_first, gateway_first = grid.body(row.id), grid.body(row.id, tokens=77)
    assert accept(grid, node_first).state == "half"
    assert countersign(grid, node_first).state == "complete"
    assert countersign(grid, gateway_first).state == "complete"
    assert accept(grid, gateway_first).state == "complete"
    assert accept(grid, node_first).id == node_first.id
    with grid.database.reading() as session:
        assert len(session.exec(select(Receipt)).all()) == 2
        used = session.exec(select(Contribution)).all()
        spent = session.get(BudgetLease, row.id)
        usage = receipts.usage_of_member(session, actor=grid.ada)
    total = node_first.cost + gateway_first.cost
    assert spent is not None
    assert (sum(item.cost_nano for item in used), spent.settled_nano, usage.cost_nano) == (total, total, total)
    assert all(item.provider_id == grid.owner_id for item in used)
    assert {item.earned_nano for item in used} == {14_000, 1_078}


def test_receipt_that_does_not_hold_is_refused_and_leaves_nothing(grid: Any) -> None:
    row, other = lease(grid), Identity(new_seed())
    good = grid.body(row.id)
    bad: list[tuple[rules.ReceiptBody, dict[str, Any]]] = [
        (good, {"signature": other.sign(rules.signed_bytes(good))}),
        (good, {"signature": "no"}),
        (good, {"sender": "barn-2"}),
        (grid.body(row.id, cost_nano="1"), {}),
        (grid.body(row.id, price_micro="10", cost_nano=str(cost_nano(1_000, 10))), {}),
        (grid.body(row.id, policy={"epoch": 1, "version": 1, "digest": "0" * 64}), {}),
        (grid.body(row.id, policy={"epoch": 9, "version": 9, "digest": grid.policy_digest}), {}),
        (grid.body(row.id, member_id=grid.owner_id), {}),
        (grid.body("0" * 32), {}),
        (grid.body(row.id, key_id="0" * 32), {}),
        (grid.body(row.id, gateway="gateway-2"), {}),
        (grid.body(row.id, node="barn-9"), {}),
        (grid.body(row.id, is_member=False), {}),
    ]
    for body, changes in bad:
        with pytest.raises(Tampered):
            accept(grid, body, **changes)
    with grid.database.reading() as session:
        assert session.exec(select(Receipt)).all() == []
        assert session.exec(select(Contribution)).all() == []


def test_known_receipt_with_other_content_is_tampered(grid: Any) -> None:
    row = lease(grid)
    body = grid.body(row.id)
    accept(grid, body)
    with pytest.raises(Tampered) as caught:
        accept(grid, grid.body(row.id, id=body.id, tokens=5))
    assert caught.value.code == "receipt.other_content"


def test_receipt_with_a_field_we_do_not_know_is_refused(sqlite_grid: Any) -> None:
    grid = sqlite_grid
    document, signature = grid.signed(grid.body(lease(grid).id))
    with grid.database.transaction() as session, pytest.raises(Tampered):
        receipts.accept(session, sender="barn-1", receipt={**document, "tip": "1"}, signature=signature, now=grid.now)


def test_countersignature_by_another_key_is_refused(sqlite_grid: Any) -> None:
    grid = sqlite_grid
    body = grid.body(lease(grid).id)
    document, signature = grid.signed(body)
    with grid.database.transaction() as session, pytest.raises(Tampered):
        receipts.countersign(
            session, sender="gateway-1", gateway_key=Identity(new_seed()).public_key, receipt=document,
            node_signature=signature, gateway_signature=grid.gateway_key.sign(rules.signed_bytes(body)), now=grid.now,
        )  # fmt: skip


def test_late_receipt_is_charged_to_what_is_available_or_flagged(grid: Any) -> None:
    row = lease(grid)
    with grid.database.transaction() as session:
        budgets.close_expired(session, grid.now + timedelta(hours=1))
    assert grid.available() == CREDIT_NANO
    late = grid.body(row.id)
    assert accept(grid, late).state == "half"
    assert grid.available() == CREDIT_NANO - late.cost
    lease(grid, grid.available())
    assert accept(grid, grid.body(row.id)).state == "flagged"
    with grid.database.reading() as session:
        assert len(session.exec(select(Contribution)).all()) == 1


def test_machine_that_once_saw_a_lease_cannot_take_more_than_it_was(grid: Any) -> None:
    row = lease(grid)
    tokens = row.amount_nano // 20 // 2  # half of the slice
    with pytest.raises(Tampered) as caught:
        accept(grid, grid.body(row.id, tokens=3 * tokens))
    assert caught.value.code == "receipt.over_lease"
    with pytest.raises(Tampered):
        accept(grid, grid.body(row.id, tokens=2**53 - 1, cost_nano="9" * 18))
    states = [accept(grid, grid.body(row.id, tokens=tokens)).state for _ in range(5)]
    assert states == ["half", "half", "flagged", "flagged", "flagged"]
    other = lease(grid)
    with grid.database.transaction() as session:
        budgets.close_expired(session, grid.now + timedelta(hours=1))
    states = [accept(grid, grid.body(other.id, tokens=tokens)).state for _ in range(3)]
    assert states == ["half", "half", "flagged"]
    assert grid.available() == CREDIT_NANO - 2 * 2 * tokens * 20


def test_receipt_without_countersignature_is_flagged_at_its_deadline_and_stays_settled(grid: Any) -> None:
    accept(grid, grid.body(lease(grid).id))
    with grid.database.transaction() as session:
        assert receipts.flag_overdue(session, grid.now) == 0
        assert receipts.count_waiting(session) == 1
    with grid.database.transaction() as session:
        assert receipts.flag_overdue(session, grid.now + receipts.COUNTERSIGN_WITHIN) == 1
        assert receipts.flag_overdue(session, grid.now + receipts.COUNTERSIGN_WITHIN) == 0
        assert len(session.exec(select(Contribution)).all()) == 1


def test_receipt_is_shown_to_who_paid_it_only(sqlite_grid: Any) -> None:
    grid = sqlite_grid
    row = accept(grid, grid.body(lease(grid).id))
    eve = replace(grid.ada, member_id=grid.owner_id)
    with grid.database.reading() as session:
        assert receipts.get(session, receipt_id=row.id, actor=grid.ada).id == row.id
        with pytest.raises(CoopError):
            receipts.get(session, receipt_id=row.id, actor=eve)
