"""A small grid in a database: a member with credit, a sysadmin, a node with its key, an API key, a policy in force."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from coop.core.actor import Actor, Role
from coop.core.clock import iso
from coop.core.db import Database
from coop.core.ids import new_id
from coop.core.money import cost_nano
from coop.models.credits import CreditBalance
from coop.models.members import Member
from coop.rules.bylaws import FOUNDING
from coop.services import cooperatives, policies
from orchestrator.models.keys import ApiKey
from orchestrator.models.nodes import Node
from orchestrator.rules import receipts as rules
from orchestrator.rules.identity import Identity, new_seed
from orchestrator.services import enrolments, keys, nodes

GUL = Actor(label="Gul", user_id="gul", roles=frozenset({Role.SYSADMIN}))
CREDIT_NANO = 1_000_000_000
MODEL = "wordllama-256"
PRICE_MICRO = 20_000
FINGERPRINT = "0123456789abcdef"


@dataclass
class Grid:
    """What the tests hold in their hands."""

    database: Database
    now: datetime
    ada: Actor
    owner_id: str
    node: Node
    node_key: Identity
    gateway_key: Identity
    key: ApiKey
    secret: str
    policy_digest: str

    @property
    def member_id(self) -> str:
        assert self.ada.member_id is not None
        return self.ada.member_id

    def body(self, lease_id: str, **changes: Any) -> rules.ReceiptBody:
        tokens = int(changes.pop("tokens", 1_000))
        values: dict[str, Any] = {
            "id": new_id(),
            "kind": "embeddings",
            "model": MODEL,
            "node": self.node.name,
            "gateway": "gateway-1",
            "member_id": self.member_id,
            "is_member": True,
            "key_id": self.key.id,
            "lease_id": lease_id,
            "inputs": 1,
            "tokens": tokens,
            "price_micro": str(PRICE_MICRO),
            "cost_nano": str(cost_nano(tokens, PRICE_MICRO)),
            "policy": {"epoch": 1, "version": 1, "digest": self.policy_digest},
            "started_at": iso(self.now),
            "finished_at": iso(self.now),
        }
        return rules.ReceiptBody.model_validate({**values, **changes})

    def signed(self, body: rules.ReceiptBody) -> tuple[dict[str, Any], str]:
        return body.model_dump(mode="json"), self.node_key.sign(rules.signed_bytes(body))

    def available(self) -> int:
        with self.database.reading() as session:
            row = session.get(CreditBalance, self.member_id)
            assert row is not None
            return row.available_nano


def _member(session: Session, number: int, name: str, now: datetime) -> Member:
    member = Member(number=number, name=name, email=f"{name}@example.org".lower(), joined_at=now - timedelta(days=9))
    session.add(member)
    session.flush()
    session.add(CreditBalance(member_id=member.id, available_nano=CREDIT_NANO if number == 1 else 0))
    session.flush()
    return member


def build(database: Database, now: datetime) -> Grid:
    node_key = Identity(new_seed())
    founded = now - timedelta(days=10)
    with database.transaction() as session:
        cooperatives.found(
            session, name="Valley", legal_name="Valley eG", currency="EUR", timezone="UTC", bylaws=FOUNDING,
            is_demo=False, now=founded,
        )  # fmt: skip
        policy = policies.enact_first(session, founded)
        ada_member, owner = _member(session, 1, "Ada", now), _member(session, 2, "Gul", now)
        ada = Actor(label="Ada", user_id="ada", member_id=ada_member.id)
        code = nodes.create_code(
            session, node_name="barn-1", owner_id=owner.id, fingerprint=FINGERPRINT, actor=GUL, now=now
        )
        node = enrolments.enrol(
            session, secret=code.partition(".")[0], public_key=node_key.public_key, inventory_document={}, now=now
        )
        nodes.approve(session, node_id=node.id, actor=GUL, now=now)
        made = keys.create(session, actor=ada, name="notebook", now=now)
    return Grid(
        database=database,
        now=now,
        ada=ada,
        owner_id=owner.id,
        node=node,
        node_key=node_key,
        gateway_key=Identity(new_seed()),
        key=made.key,
        secret=made.secret,
        policy_digest=policy.digest,
    )
