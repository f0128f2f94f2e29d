"""The one log in the database: gives events their places, signs heads, proves and verifies. The arithmetic is core's.

Only the leading control sequences and signs; everybody else reads. Places come after the commit of what happened, so no
business transaction waits for the log.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from coop.core import log as tree
from coop.core.clock import iso
from coop.core.errors import NotFound, Tampered, Value
from coop.core.log import Frontier
from coop.core.signing import SigningKey
from coop.models.events import Event, LogHead, LogLeaf
from coop.rules import log_heads
from coop.services.events import event_document

BATCH_MAX = 500
PAGE_MAX = 1_000
PROBLEMS_MAX = 50


@dataclass(frozen=True)
class Inclusion:
    """The proof that an event stands in the log. Hashes are hex, the path goes from the leaf's sibling up."""

    position: int
    size: int
    leaf_hash: str
    path: tuple[str, ...]
    root: str


@dataclass(frozen=True)
class Problem:
    """Something in the log that does not hold: a code and the values of its sentence."""

    code: str
    values: dict[str, Value]

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.values.items())])


def count(session: Session) -> int:
    """Return how many events have a place."""
    return session.exec(select(func.count()).select_from(LogLeaf)).one()


def sequence(session: Session, *, after_id: str = "", limit: int = BATCH_MAX) -> list[str]:
    """Give the oldest events without a place the next ones, and return their kinds in that order.

    after_id: look only at events with a greater id; "" looks at all. Events of a long transaction come later than their
    ids say, so callers look again at a stretch of the past.
    """
    waiting = list(session.exec(select(Event).where(*_unplaced(after_id)).order_by(col(Event.id)).limit(limit)))
    if not waiting:
        return []
    last = session.exec(select(func.max(LogLeaf.position))).one()
    first = 0 if last is None else last + 1
    for position, event in enumerate(waiting, first):
        session.add(LogLeaf(position=position, event_id=event.id, leaf_hash=tree.leaf_hash(event.commitment)))
    session.flush()
    return [event.kind for event in waiting]


def has_unplaced(session: Session, *, after_id: str = "") -> bool:
    """Say whether `sequence` would find something."""
    return session.exec(select(Event.id).where(*_unplaced(after_id)).limit(1)).first() is not None


def _unplaced(after_id: str) -> tuple[Any, ...]:
    placed = select(LogLeaf.event_id).where(col(LogLeaf.event_id) == col(Event.id)).exists()
    return col(Event.id) > after_id, ~placed


def extend(session: Session, frontier: Frontier) -> None:
    """Bring a frontier up to the stored leaves. Raises Tampered for a gap or a log that got shorter."""
    if count(session) < frontier.size:
        raise Tampered("log.shorter_than_before", size=frontier.size)
    while True:
        rows = session.exec(
            select(LogLeaf)
            .where(col(LogLeaf.position) >= frontier.size)
            .order_by(col(LogLeaf.position))
            .limit(PAGE_MAX)
        ).all()
        for row in rows:
            if row.position != frontier.size:
                raise Tampered("log.gap", position=frontier.size)
            frontier.append(row.leaf_hash)
        if len(rows) < PAGE_MAX:
            return


def sign_head(session: Session, *, key: SigningKey, now: datetime, frontier: Frontier | None = None) -> LogHead:
    """Sign the log as it is. A log that did not grow since the newest head keeps that head.

    frontier: one kept by the caller, so that only new leaves are read.
    """
    frontier = Frontier() if frontier is None else frontier
    extend(session, frontier)
    root = frontier.root().hex()
    newest = next(iter(list_heads(session, limit=1)), None)
    if newest is not None and (newest.size, newest.root, newest.key_id) == (frontier.size, root, key.key_id):
        return newest
    unsigned = log_heads.unsigned_head(size=frontier.size, root=root, signed_at=iso(now))
    signature = str(log_heads.sign_head(unsigned, key)["signature"])
    head = LogHead(size=frontier.size, root=root, key_id=key.key_id, signature=signature, signed_at=now)
    session.add(head)
    session.flush()
    return head


def head_document(head: LogHead) -> dict[str, Any]:
    """Return a head as the document that witnesses keep (`log-head.json`)."""
    unsigned = log_heads.unsigned_head(size=head.size, root=head.root, signed_at=iso(head.signed_at))
    return {**unsigned, "key_id": head.key_id, "signature": head.signature}


def list_heads(session: Session, *, limit: int = 50) -> list[LogHead]:
    """Return the signed heads, newest first."""
    statement = select(LogHead).order_by(col(LogHead.size).desc(), col(LogHead.id).desc()).limit(limit)
    return list(session.exec(statement))


def prove_inclusion(session: Session, *, event_id: str, size: int | None = None) -> Inclusion:
    """Prove that an event stands in the log of `size` (None: of now). Raises NotFound where it does not."""
    leaf = session.exec(select(LogLeaf).where(LogLeaf.event_id == event_id)).first()
    leaves = _leaves(session, size)
    if leaf is None or leaf.position >= len(leaves):
        raise NotFound("log.event_unplaced")
    path = tree.inclusion_proof(leaves, leaf.position)
    return Inclusion(
        position=leaf.position,
        size=len(leaves),
        leaf_hash=leaf.leaf_hash.hex(),
        path=tuple(step.hex() for step in path),
        root=tree.root(leaves).hex(),
    )


def prove_consistency(session: Session, *, old_size: int, new_size: int) -> list[str]:
    """Return the hashes that prove that the log of `new_size` only added to the one of `old_size`. Raises NotFound."""
    leaves = _leaves(session, new_size)
    if not 0 < old_size <= new_size:
        raise NotFound("log.position_unknown", position=old_size, size=len(leaves))
    return [step.hex() for step in tree.consistency_proof(leaves, old_size)]


def verify_all(session: Session, *, trusted_keys: Collection[str] | None = None) -> list[Problem]:
    """Recompute every commitment, leaf and head, and return what does not hold (PROBLEMS_MAX at most).

    trusted_keys: the keys that may sign heads; None accepts the key each head names.
    """
    problems: list[Problem] = []
    roots: dict[int, str] = {0: tree.EMPTY_ROOT.hex()}
    wanted = set(session.exec(select(LogHead.size).distinct()))
    frontier = Frontier()
    # Not a join: a leaf whose event was deleted must be noticed, not skipped.
    for leaf in session.exec(select(LogLeaf).order_by(col(LogLeaf.position)).execution_options(yield_per=PAGE_MAX)):
        problems.extend(_check_leaf(session, leaf, expected=frontier.size))
        frontier.append(leaf.leaf_hash)
        if frontier.size in wanted:
            roots[frontier.size] = frontier.root().hex()
        if len(problems) >= PROBLEMS_MAX:
            return problems
    for head in session.exec(select(LogHead).order_by(col(LogHead.id))):
        problems.extend(_check_head(head, roots, trusted_keys))
    return problems[:PROBLEMS_MAX]


def _check_leaf(session: Session, leaf: LogLeaf, *, expected: int) -> list[Problem]:
    values: dict[str, Value] = {"position": leaf.position}
    if leaf.position != expected:
        return [Problem("log.gap", {"position": expected})]
    event = session.get(Event, leaf.event_id)
    if event is None:
        return [Problem("log.event_missing", values)]
    if tree.commitment(event.salt, event_document(event)) != event.commitment:
        return [Problem("log.event_altered", values)]
    if tree.leaf_hash(event.commitment) != leaf.leaf_hash:
        return [Problem("log.leaf_altered", values)]
    return []


def _check_head(head: LogHead, roots: dict[int, str], trusted_keys: Collection[str] | None) -> list[Problem]:
    values: dict[str, Value] = {"size": head.size}
    if head.size not in roots:
        return [Problem("log.shorter_than_head", values)]
    if roots[head.size] != head.root:
        return [Problem("log.head_differs", values)]
    try:
        log_heads.verify_head(head_document(head), {head.key_id} if trusted_keys is None else trusted_keys)
    except Tampered:
        return [Problem("log.head_unsigned", values)]
    return []


def _leaves(session: Session, size: int | None) -> list[bytes]:
    statement = select(LogLeaf.leaf_hash).order_by(col(LogLeaf.position))
    leaves = list(session.exec(statement if size is None else statement.limit(max(size, 0))))
    if size is not None and len(leaves) < size:
        raise NotFound("log.position_unknown", position=size, size=len(leaves))
    return leaves
