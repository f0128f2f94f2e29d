"""The demo co-op's machines: this one as `barn-1`, a neighbour's that was last seen three hours ago, and what they served.

The receipts are real ones: signed by keys of these machines, checked and booked by the same services as every day's.
"""

import random
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from coop.core.actor import Actor, Role
from coop.core.clock import iso
from coop.core.ids import new_id
from coop.core.money import cost_nano
from coop.core.policy.evaluate import compile_policy
from coop.core.policy.schema import PolicyDocument
from coop.core.settings import Settings
from coop.core.signing import write_private
from coop.models.events import PolicyVersion
from coop.models.members import Member, MemberUser
from coop.services import actors, policies
from orchestrator.agent.home import AgentHome, Enrolled
from orchestrator.control import keys as key_files
from orchestrator.control import nats_server
from orchestrator.models.keys import ApiKey
from orchestrator.models.nodes import Node
from orchestrator.rules import receipts as receipt_rules
from orchestrator.rules import roots
from orchestrator.rules.credentials import seed_of
from orchestrator.rules.identity import Identity, new_seed
from orchestrator.services import budgets, enrolments, keys, nodes, receipts

MODEL = "wordllama-256"
GATEWAY = "gateway-1"
SEED = 20_260_701  # the same demo on every machine
RECEIPT_TOKENS = (600_000, 4_000_000)
# who uses the grid, and how many batches of texts in the quarter
USERS = {"Ada Moreau": 34, "Bo Lindqvist": 26, "Finn Albers": 12, "Gul Demir": 22, "Mira Castellano": 30, "Noor El-Amin": 44,
         "Priya Nair": 16, "Tove Lund": 9, "Dee Okafor": 5, "Kofi Mensah": 3}  # fmt: skip
NEIGHBOUR_INVENTORY: dict[str, object] = {
    "cpu_count": 16,
    "memory_bytes": 34_359_738_368,
    "gpus": [],
    "system": "Linux",
}


def _member(session: Session, name: str) -> Member:
    return session.exec(select(Member).where(Member.name == name)).one()


def _actor(session: Session, member: Member) -> Actor:
    user_id = session.exec(select(MemberUser.user_id).where(MemberUser.member_id == member.id)).one()
    return actors.actor_for_user(session, user_id)


def _let_in(
    session: Session, name: str, owner: Member, identity: Identity, inventory: dict[str, object], at: datetime
) -> Node:
    """Invite, enrol and approve one machine, as Gul would."""
    gul = Actor(label="Gul Demir", roles=frozenset({Role.SYSADMIN}))
    code = nodes.create_code(session, node_name=name, owner_id=owner.id, fingerprint="0" * 16, actor=gul, now=at)
    node = enrolments.enrol(
        session,
        secret=code.partition(".")[0],
        public_key=identity.public_key,
        inventory_document=inventory,
        now=at + timedelta(minutes=2),
    )
    return nodes.approve(session, node_id=node.id, actor=gul, now=at + timedelta(minutes=6))


def _pin(settings: Settings, identity: Identity) -> None:
    """Write this machine's own files, as `coop node enrol` would have done."""
    home = AgentHome(settings.agent_home)
    write_private(home.seed_path, identity.seed.encode() + b"\n")
    trusted = key_files.trust_roots(settings)
    known = roots.read(trusted)
    home.save(
        Enrolled(
            "barn-1",
            settings.portal_url,
            known.coop,
            known.policy_keys,
            nats_server.url(settings),
            roots.fingerprint(trusted),
        )
    )


def serve_since_the_quarter(session: Session, settings: Settings, now: datetime) -> None:
    """Let in this machine and the neighbour's when the price was decided, and serve until yesterday."""
    at = session.exec(select(PolicyVersion.valid_from).order_by(col(PolicyVersion.valid_from).desc())).first()
    assert at is not None
    local, neighbour = Identity(new_seed()), Identity(new_seed())
    _pin(settings, local)
    _let_in(session, "barn-1", _member(session, "Gul Demir"), local, {}, at)
    _let_in(session, "mill-2", _member(session, "Oskar Wendt"), neighbour, NEIGHBOUR_INVENTORY, at + timedelta(days=1))
    policy = policies.in_force(session, now)
    seen_at = now - timedelta(hours=3)
    nodes.note_beat(session, name="mill-2", models=[MODEL], epoch=policy.epoch, version=policy.version, now=seen_at)
    serve(
        session,
        settings,
        at + timedelta(days=3),
        now - timedelta(days=1),
        {"barn-1": local.seed, "mill-2": neighbour.seed},
    )


def serve(session: Session, settings: Settings, starts_at: datetime, ends_at: datetime, seeds: dict[str, str]) -> None:
    """Serve batches of texts between two moments, each with its lease, receipt and both signatures."""
    chance = random.Random(SEED)  # noqa: S311 -- a repeatable demo, not a secret
    gateway = Identity(seed_of(key_files.credentials_path(settings, GATEWAY).read_text()))
    policy = policies.in_force(session, starts_at)
    price = compile_policy(PolicyDocument.model_validate(policy.body)).price_micro(MODEL, True)
    for name, count in USERS.items():
        member = _member(session, name)
        key = _key_of(session, member, starts_at)
        for _ in range(count):
            at = starts_at + (ends_at - starts_at) * chance.random()
            node = chance.choice(list(seeds))
            tokens = chance.randint(*RECEIPT_TOKENS)
            _serve_one(session, member, key, (node, Identity(seeds[node])), gateway, (policy, price, tokens), at)


def _key_of(session: Session, member: Member, at: datetime) -> ApiKey:
    found = session.exec(select(ApiKey).where(ApiKey.member_id == member.id)).first()
    if found is None:
        found = keys.create(session, actor=_actor(session, member), name="notebook", now=at).key
    return found


def _serve_one(
    session: Session,
    member: Member,
    key: ApiKey,
    node: tuple[str, Identity],
    gateway: Identity,
    terms: tuple[PolicyVersion, int, int],
    at: datetime,
) -> None:
    policy, price, tokens = terms
    cost = cost_nano(tokens, price)
    lease = budgets.lease(session, member_id=member.id, gateway=GATEWAY, least_nano=cost, now=at)
    body = receipt_rules.ReceiptBody(
        id=new_id(),
        kind="embeddings",
        model=MODEL,
        node=node[0],
        gateway=GATEWAY,
        member_id=member.id,
        is_member=True,
        key_id=key.id,
        lease_id=lease.id,
        inputs=512,
        tokens=tokens,
        price_micro=str(price),
        cost_nano=str(cost),
        policy=receipt_rules.PolicyName(epoch=policy.epoch, version=policy.version, digest=policy.digest),
        started_at=iso(at - timedelta(seconds=40)),
        finished_at=iso(at),
    )
    data = receipt_rules.signed_bytes(body)
    receipts.countersign(
        session,
        sender=GATEWAY,
        gateway_key=gateway.public_key,
        receipt=body.model_dump(mode="json"),
        node_signature=node[1].sign(data),
        gateway_signature=gateway.sign(data),
        now=at,
    )
    budgets.give_back(session, lease_id=lease.id, gateway=GATEWAY, spent_nano=cost, now=at)
