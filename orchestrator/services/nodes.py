"""Machines of the grid: their codes, approval, draining, revoking, and what they say of themselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from coop.core.actor import Actor, Role
from coop.core.errors import Conflict, NotFound
from coop.core.ids import new_code, token_digest
from coop.models.members import Member
from coop.services import events, outbox, policies
from orchestrator.models.nodes import EnrolmentCode, Node
from orchestrator.rules.names import require_node_name

CODE_VALID = timedelta(hours=1)
CODE_GROUPS, CODE_GROUP_SIZE = 5, 5  # 125 bits: nobody guesses it within the hour
SEEN_WITHIN = timedelta(seconds=10)
MAY_WORK = frozenset({"ready"})
MAY_CONNECT = frozenset({"ready", "draining"})
NODES_MAX = 10_000


@dataclass(frozen=True)
class Census:
    """Who obeys the policy in force. `nodes` are those let in; `lagging` names those that do not, or were not seen."""

    nodes: int
    obeying: int
    lagging: tuple[str, ...]
    epoch: int
    version: int
    names: tuple[str, ...] = ()


def create_code(
    session: Session, *, node_name: str, owner_id: str, fingerprint: str, actor: Actor, now: datetime
) -> str:
    """Return the code that lets one machine into the waiting room once, within CODE_VALID: `SECRET.FINGERPRINT`.

    `fingerprint` is `orchestrator.rules.roots.fingerprint` of the trust roots, so that the machine knows whom it joins.
    """
    actor.require_role(Role.SYSADMIN)
    require_node_name(node_name)
    if session.get(Member, owner_id) is None:
        raise NotFound("member.unknown")
    if session.exec(select(Node).where(Node.name == node_name)).first() is not None:
        raise Conflict("node.name_taken", name=node_name)
    secret = new_code(CODE_GROUPS, CODE_GROUP_SIZE)
    session.add(
        EnrolmentCode(
            id=token_digest(secret),
            node_name=node_name,
            owner_id=owner_id,
            created_at=now,
            created_by=actor.label,
            expires_at=now + CODE_VALID,
        )
    )
    session.flush()
    events.record(
        session,
        kind="node.invited",
        subject=node_name,
        body={"owner": owner_id, "name": node_name},
        actor=actor,
        now=now,
    )
    return f"{secret}.{fingerprint}"


def get(session: Session, node_id: str) -> Node:
    """Return a node. Raises NotFound."""
    node = session.get(Node, node_id)
    if node is None:
        raise NotFound("node.unknown")
    return node


def get_by_name(session: Session, name: str) -> Node:
    """Return a node by the name its subjects carry. Raises NotFound."""
    node = session.exec(select(Node).where(Node.name == name)).first()
    if node is None:
        raise NotFound("node.unknown")
    return node


def get_by_key(session: Session, public_key: str) -> Node:
    """Return a node by its public nkey. Raises NotFound."""
    node = session.exec(select(Node).where(Node.public_key == public_key)).first()
    if node is None:
        raise NotFound("node.unknown")
    return node


def list_all(session: Session, *, limit: int = NODES_MAX) -> list[Node]:
    """Return all nodes: those that wait for somebody first, then by name."""
    rows = session.exec(select(Node).order_by(col(Node.name)).limit(limit))
    return sorted(rows, key=lambda node: (node.state != "waiting", node.state == "revoked", node.name))


def _move(session: Session, node_id: str, *, before: str, after: str, actor: Actor, now: datetime) -> Node:
    moved = session.exec(
        update(Node)
        .where(col(Node.id) == node_id, col(Node.state) == before)
        .values(state=after, decided_at=now, decided_by=actor.label)
    )
    node = get(session, node_id)
    if moved.rowcount == 0:
        raise Conflict("node.wrong_state", name=node.name, state=node.state)
    session.refresh(node)
    return node


def approve(session: Session, *, node_id: str, actor: Actor, now: datetime) -> Node:
    """Let a waiting node in; control then makes its credential. Raises Conflict when it does not wait."""
    actor.require_role(Role.SYSADMIN)
    node = _move(session, node_id, before="waiting", after="ready", actor=actor, now=now)
    body: dict[str, object] = {"node_id": node.id, "name": node.name, "public_key": node.public_key}
    events.record(session, kind="node.approved", subject=node.id, body=body, actor=actor, now=now)
    outbox.put(session, kind="node.approved", body=body, now=now)
    return node


def drain(session: Session, *, node_id: str, actor: Actor, now: datetime) -> Node:
    """Let a node finish what it runs and give it nothing new."""
    actor.require_role(Role.SYSADMIN)
    node = _move(session, node_id, before="ready", after="draining", actor=actor, now=now)
    events.record(session, kind="node.drained", subject=node.id, body={"name": node.name}, actor=actor, now=now)
    return node


def resume(session: Session, *, node_id: str, actor: Actor, now: datetime) -> Node:
    """Give a drained node work again."""
    actor.require_role(Role.SYSADMIN)
    node = _move(session, node_id, before="draining", after="ready", actor=actor, now=now)
    events.record(session, kind="node.resumed", subject=node.id, body={"name": node.name}, actor=actor, now=now)
    return node


def revoke(session: Session, *, node_id: str, actor: Actor, now: datetime) -> Node:
    """Cut a node off for good. Its key and its name are void; to come back it needs a new code and another name."""
    actor.require_role(Role.SYSADMIN)
    node = get(session, node_id)
    revoked = session.exec(
        update(Node)
        .where(col(Node.id) == node_id, col(Node.state) != "revoked")
        .values(state="revoked", decided_at=now, decided_by=actor.label, credential=None)
    )
    if revoked.rowcount == 0:
        raise Conflict("node.wrong_state", name=node.name, state="revoked")
    session.refresh(node)
    body: dict[str, object] = {"node_id": node.id, "name": node.name, "public_key": node.public_key}
    events.record(session, kind="node.revoked", subject=node.id, body=body, actor=actor, now=now)
    outbox.put(session, kind="node.revoked", body=body, now=now)
    return node


def store_credential(session: Session, *, node_id: str, credential: str) -> None:
    """Keep the user JWT that control made. A node that may not connect any more keeps none."""
    session.exec(
        update(Node).where(col(Node.id) == node_id, col(Node.state).in_(MAY_CONNECT)).values(credential=credential)
    )


def note_beat(
    session: Session,
    *,
    name: str,
    models: list[str],
    epoch: int,
    version: int,
    now: datetime,
    inventory: dict[str, object] | None = None,
) -> None:
    """Note that a node lives and what it serves. Unknown and revoked nodes change nothing."""
    values: dict[str, object] = {"seen_at": now, "models": models, "policy_epoch": epoch, "policy_version": version}
    if inventory is not None:
        values["inventory"] = inventory
    session.exec(update(Node).where(col(Node.name) == name, col(Node.state).in_(MAY_CONNECT)).values(**values))


def note_obeyed(session: Session, *, name: str, epoch: int, version: int, now: datetime) -> None:
    """Note that a node enforces this policy from now on."""
    session.exec(
        update(Node)
        .where(col(Node.name) == name, col(Node.state).in_(MAY_CONNECT))
        .values(policy_epoch=epoch, policy_version=version, obeyed_at=now, seen_at=now)
    )


def list_fleet(session: Session, *, now: datetime) -> list[Node]:
    """Return the nodes that may get work: ready, seen within SEEN_WITHIN, obeying the policy in force. By name."""
    policy = policies.in_force(session, now)
    statement = select(Node).where(
        col(Node.state).in_(MAY_WORK),
        col(Node.seen_at) > now - SEEN_WITHIN,
        col(Node.policy_epoch) == policy.epoch,
        col(Node.policy_version) == policy.version,
    )
    return list(session.exec(statement.order_by(col(Node.name)).limit(NODES_MAX)))


def census(session: Session, now: datetime) -> Census:
    """Count who obeys the policy in force, among the nodes that are let in."""
    policy = policies.in_force(session, now)
    nodes = session.exec(select(Node).where(col(Node.state).in_(MAY_CONNECT)).order_by(col(Node.name)).limit(NODES_MAX))
    listed = list(nodes)
    wanted = (policy.epoch, policy.version)
    # What was not seen lately may obey or not: nobody knows, so it is not counted as obeying.
    lagging = tuple(
        node.name
        for node in listed
        if (node.policy_epoch, node.policy_version) != wanted
        or node.seen_at is None
        or node.seen_at <= now - SEEN_WITHIN
    )
    return Census(
        nodes=len(listed),
        obeying=len(listed) - len(lagging),
        lagging=lagging,
        epoch=policy.epoch,
        version=policy.version,
        names=tuple(node.name for node in listed),
    )
