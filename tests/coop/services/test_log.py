"""The one log: places, heads and proofs, with RFC 6962 vectors and pymerkle as oracle; no tampering goes unnoticed."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from sqlalchemy import text
from sqlmodel import Session, select

from coop.core import log as tree
from coop.core.actor import system
from coop.core.db import Database
from coop.core.errors import NotFound, Tampered
from coop.core.log import Frontier
from coop.core.signing import SigningKey
from coop.models.events import Event, LogHead, LogLeaf
from coop.rules import log_heads
from coop.services import events, log

# The test vectors of Certificate Transparency (RFC 6962 reference implementation).
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def happen(session: Session, count: int, now: datetime) -> list[str]:
    return [
        events.record(session, kind="test.done", subject=str(i), body={"i": i}, actor=system("test"), now=now).id
        for i in range(count)
    ]


def test_roots_are_those_of_the_rfc_vectors() -> None:
    frontier = Frontier()
    leaves = []
    for data, root in zip(INPUTS, ROOTS, strict=True):
        leaves.append(tree.leaf_hash(bytes.fromhex(data)))
        frontier.append(leaves[-1])
        assert frontier.root().hex() == tree.root(leaves).hex() == root
    assert Frontier().root() == tree.EMPTY_ROOT


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=40), st.data())
@settings(max_examples=60, deadline=None)
def test_roots_and_proofs_agree_with_pymerkle(data: list[bytes], draw: st.DataObject) -> None:
    oracle = InmemoryTree(algorithm="sha256")
    for entry in data:
        oracle.append_entry(entry)
    leaves = [tree.leaf_hash(entry) for entry in data]
    assert tree.root(leaves) == oracle.get_root()
    index = draw.draw(st.integers(0, len(data) - 1))
    path = tree.inclusion_proof(leaves, index)
    assert tree.verify_inclusion(leaves[index], index, len(leaves), path, tree.root(leaves))
    assert not tree.verify_inclusion(tree.leaf_hash(b"other" * 9), index, len(leaves), path, tree.root(leaves))
    old = draw.draw(st.integers(1, len(data)))
    proof = tree.consistency_proof(leaves, old)
    assert tree.verify_consistency(old, len(leaves), oracle.get_root(old), oracle.get_root(), proof)
    if old < len(data):
        assert not tree.verify_consistency(old, len(leaves), b"\x00" * 32, oracle.get_root(), proof)


def test_events_get_places_in_order_and_once(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        ids = happen(session, 7, now)
        assert log.sequence(session, limit=5) == ["test.done"] * 5
    with database.transaction() as session:
        assert len(log.sequence(session)) == 2
        assert log.sequence(session) == []
        placed = session.exec(select(LogLeaf.event_id).order_by(LogLeaf.position)).all()  # type: ignore[arg-type]
        assert list(placed) == ids
        late = happen(session, 1, now)
        assert log.sequence(session, after_id=ids[-1]) == ["test.done"]
        assert log.prove_inclusion(session, event_id=late[0]).position == 7


def test_head_is_signed_once_per_size_and_can_be_checked_offline(database: Database, now: datetime) -> None:
    key, stranger = SigningKey.generate(), SigningKey.generate()
    frontier = Frontier()
    with database.transaction() as session:
        happen(session, 3, now)
        log.sequence(session)
        first = log.sign_head(session, key=key, now=now, frontier=frontier)
        assert log.sign_head(session, key=key, now=now + timedelta(hours=1)).id == first.id
        happen(session, 4, now)
        log.sequence(session)
        second = log.sign_head(session, key=key, now=now, frontier=frontier)
        assert [head.size for head in log.list_heads(session)] == [7, 3]
        document = log.head_document(second)
        assert log_heads.verify_head(document, {key.key_id}) == (7, second.root)
        proof = [bytes.fromhex(step) for step in log.prove_consistency(session, old_size=3, new_size=7)]
    assert tree.verify_consistency(3, 7, bytes.fromhex(first.root), bytes.fromhex(second.root), proof)
    for changed in ({**document, "size": "8"}, {**document, "more": "x"}, {**document, "signature": "AA"}):
        with pytest.raises(Tampered):
            log_heads.verify_head(changed, {key.key_id})
    with pytest.raises(Tampered, match="strange"):
        log_heads.verify_head(document, {stranger.key_id})


def test_inclusion_proof_holds_against_the_head(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        ids = happen(session, 11, now)
        with pytest.raises(NotFound):
            log.prove_inclusion(session, event_id=ids[0])
        log.sequence(session)
        found = log.prove_inclusion(session, event_id=ids[4], size=9)
    path = [bytes.fromhex(step) for step in found.path]
    assert tree.verify_inclusion(bytes.fromhex(found.leaf_hash), 4, 9, path, bytes.fromhex(found.root))


def drop_triggers(session: Session) -> None:
    """Do what only an owner of the database can: remove what refuses changes."""
    for name in session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
        session.execute(text(f"DROP TRIGGER {name}"))


def alter_event(session: Session) -> None:
    session.execute(text("UPDATE event SET actor = 'somebody else' WHERE subject = '2'"))


def swap_leaves(session: Session) -> None:
    one, other = session.get(LogLeaf, 1), session.get(LogLeaf, 2)
    assert one is not None
    assert other is not None
    hashes = one.leaf_hash, other.leaf_hash
    session.execute(text("UPDATE log_leaf SET leaf_hash = :h WHERE position = 1"), {"h": hashes[1]})
    session.execute(text("UPDATE log_leaf SET leaf_hash = :h WHERE position = 2"), {"h": hashes[0]})


def drop_last(session: Session) -> None:
    session.execute(text("DELETE FROM log_leaf WHERE position = 4"))


def drop_middle(session: Session) -> None:
    session.execute(text("DELETE FROM log_leaf WHERE position = 2"))


def rewrite_everything(session: Session) -> None:
    """Alter an event and recompute commitment and leaf, as a careful forger would."""
    event = session.exec(select(Event).where(Event.subject == "2")).one()
    document = {**events.event_document(event), "actor": "somebody else"}
    forged = tree.commitment(event.salt, document)
    session.execute(
        text("UPDATE event SET actor = 'somebody else', commitment = :c WHERE subject = '2'"), {"c": forged}
    )
    session.execute(text("UPDATE log_leaf SET leaf_hash = :h WHERE position = 2"), {"h": tree.leaf_hash(forged)})


def forge_head(session: Session) -> None:
    session.execute(text("UPDATE log_head SET signature = 'AAAA'"))


@pytest.mark.parametrize(
    "tamper",
    [alter_event, swap_leaves, drop_last, drop_middle, rewrite_everything, forge_head],
    ids=lambda f: f.__name__,
)
def test_tampering_is_detected(sqlite: Database, now: datetime, tamper: Callable[[Session], None]) -> None:
    key = SigningKey.generate()
    with sqlite.transaction() as session:
        happen(session, 5, now)
        log.sequence(session)
        log.sign_head(session, key=key, now=now)
        assert log.verify_all(session, trusted_keys={key.key_id}) == []
        drop_triggers(session)
        tamper(session)
    with sqlite.reading() as session:
        problems = log.verify_all(session, trusted_keys={key.key_id})
        assert problems
        assert str(problems[0]).startswith("log.")


def test_heads_of_a_strange_key_and_a_shortened_log_are_detected(database: Database, now: datetime) -> None:
    key = SigningKey.generate()
    with database.transaction() as session:
        happen(session, 2, now)
        log.sequence(session)
        log.sign_head(session, key=key, now=now)
        assert [problem.code for problem in log.verify_all(session, trusted_keys=set())] == ["log.head_unsigned"]
        session.add(LogHead(size=9, root="00", key_id=key.key_id, signature="x", signed_at=now))
        session.flush()
        assert [problem.code for problem in log.verify_all(session)] == ["log.shorter_than_head"]
        frontier = Frontier(size=3, peaks=(b"a", b"b"))
        with pytest.raises(Tampered, match="shorter"):
            log.extend(session, frontier)
