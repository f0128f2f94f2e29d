"""A machine uses its code and waits to be let in. Nobody is signed in here: the code is the right to ask, once."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from coop.core.actor import system
from coop.core.errors import Conflict, Gone, NotFound
from coop.core.ids import token_digest
from coop.services import events
from orchestrator.models.nodes import EnrolmentCode, Node
from orchestrator.rules import identity, inventory


def enrol(
    session: Session, *, secret: str, public_key: str, inventory_document: dict[str, object], now: datetime
) -> Node:
    """Use a code up and put the machine into the waiting room. The same machine asking again gets the same node.

    Raises NotFound for an unknown code, Gone for a used or old one, Invalid for a bad key or inventory.
    """
    identity.public_bytes(public_key)
    known = inventory.read(dict(inventory_document))
    code = session.get(EnrolmentCode, token_digest(secret.strip().upper()))
    if code is None:
        raise NotFound("enrolment.unknown")
    if code.expires_at <= now and code.used_at is None:
        raise Gone("enrolment.expired")
    used = session.exec(
        update(EnrolmentCode)
        .where(col(EnrolmentCode.id) == code.id, col(EnrolmentCode.used_at).is_(None))
        .values(used_at=now)
    )
    if used.rowcount == 0:
        return _node_of_used_code(session, code, public_key)
    node = Node(
        name=code.node_name, owner_id=code.owner_id, public_key=public_key, inventory=known, models=[], enrolled_at=now
    )
    session.add(node)
    try:
        session.flush()
    except IntegrityError as error:  # two codes for one name, or a key that was here before
        raise Conflict("node.name_taken", name=code.node_name) from error
    body: dict[str, object] = {"name": node.name, "public_key": public_key, "owner": node.owner_id}
    events.record(session, kind="node.enrolled", subject=node.id, body=body, actor=system("enrolment"), now=now)
    return node


def _node_of_used_code(session: Session, code: EnrolmentCode, public_key: str) -> Node:
    """Answer the retry of the machine that used the code; refuse everybody else."""
    node = session.exec(select(Node).where(Node.name == code.node_name, Node.public_key == public_key)).first()
    if node is None:
        raise Gone("enrolment.used")
    return node
