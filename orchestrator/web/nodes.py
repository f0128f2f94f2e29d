"""Pages of the machines: the census, one machine, and the command by which another joins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor, Role
from coop.core.errors import CoopError, Invalid
from coop.services import members
from coop.web.access import current_actor, role, signed_in
from coop.web.db import reading, settings, transaction
from coop.web.forms import Form
from coop.web.home import Panel
from coop.web.render import redirect_done, render, render_invalid, render_or_json
from orchestrator.models.nodes import Node
from orchestrator.rules import roots
from orchestrator.services import nodes
from orchestrator.services.nodes import SEEN_WITHIN, Census
from orchestrator.web.enrolment import trust_roots

blueprint = Blueprint("nodes", __name__, url_prefix="/nodes")
PANEL_WAITING, PANEL_GRID = 8, 30
GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class NodeRow:
    """A machine as pages show it. `condition` is one word: state and liveness together."""

    id: str
    name: str
    owner: str
    state: str
    condition: str
    seen_at: datetime | None
    seen_s: int | None
    cpu_count: int
    memory_gb: int
    gpus: tuple[str, ...]
    models: tuple[str, ...]
    policy: str
    is_obeying: bool


def _condition(node: Node, now: datetime, *, is_obeying: bool) -> str:
    if node.state != "ready":
        return node.state
    if node.seen_at is None or now - node.seen_at > SEEN_WITHIN:
        return "unseen"
    return "ready" if is_obeying else "lagging"


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _row(node: Node, owner: str, census: Census, now: datetime) -> NodeRow:
    gpus = node.inventory.get("gpus")
    names = [str(gpu.get("name", "")) for gpu in gpus if isinstance(gpu, dict)] if isinstance(gpus, list) else []
    is_obeying = (node.policy_epoch, node.policy_version) == (census.epoch, census.version)
    return NodeRow(
        id=node.id,
        name=node.name,
        owner=owner,
        state=node.state,
        condition=_condition(node, now, is_obeying=is_obeying),
        seen_at=node.seen_at,
        seen_s=int((now - node.seen_at).total_seconds()) if node.seen_at else None,
        cpu_count=_number(node.inventory.get("cpu_count")),
        memory_gb=_number(node.inventory.get("memory_bytes")) // GIGABYTE,
        gpus=tuple(names),
        models=tuple(node.models),
        policy=f"{node.policy_epoch}.{node.policy_version}" if node.policy_version else "",
        is_obeying=is_obeying,
    )


def _rows(session: Session, census: Census, now: datetime) -> list[NodeRow]:
    listed = nodes.list_all(session)
    owners = {owner_id: members.get(session, owner_id).name for owner_id in {node.owner_id for node in listed}}
    return [_row(node, owners[node.owner_id], census, now) for node in listed]


def _unseen(rows: list[NodeRow]) -> list[str]:
    """Return the names of machines let in that were not seen lately: the grid is not well without them."""
    return [row.name for row in rows if row.condition == "unseen"]


@blueprint.get("")
@signed_in
def index() -> ResponseReturnValue:
    """Show all machines, and who obeys the policy in force."""
    with reading() as session:
        census = nodes.census(session, g.now)
        rows = _rows(session, census, g.now)
    data = [
        {"name": row.name, "owner": row.owner, "state": row.state, "condition": row.condition, "policy": row.policy}
        for row in rows
    ]
    may_add = current_actor().has_role(Role.SYSADMIN)
    return render_or_json("nodes/index.html", data, census=census, rows=rows, unseen=_unseen(rows), may_add=may_add)


def _owner_options(session: Session) -> list[tuple[str, str]]:
    return [(member.id, member.name) for member in members.list_register(session, g.now)]


@blueprint.get("/new")
@role(Role.SYSADMIN)
def new() -> ResponseReturnValue:
    """Ask for a machine's name and owner."""
    with reading() as session:
        options = _owner_options(session)
    own = current_actor().member_id or ""
    return render("nodes/new.html", form=Form(), options=options, own=own, code=None, portal_url="", node_name="")


@blueprint.post("")
@role(Role.SYSADMIN)
def create() -> ResponseReturnValue:
    """Make the join command and show it, once: only its digest is kept, so this answers with the page itself."""
    form = Form(request.form)
    with reading() as session:
        options = _owner_options(session)
    node_name = form.text("node_name", max=63)
    owner_id = form.choice("owner_id", [value for value, _ in options])
    shown: dict[str, Any] = {
        "options": options,
        "own": owner_id,
        "portal_url": settings().portal_url,
        "node_name": node_name,
    }
    try:
        form.check()
        fingerprint = roots.fingerprint(trust_roots(settings()))
        with transaction() as session:
            code = nodes.create_code(
                session,
                node_name=node_name,
                owner_id=owner_id,
                fingerprint=fingerprint,
                actor=current_actor(),
                now=g.now,
            )
    except Invalid as error:
        return render_invalid("nodes/new.html", form, error, code=None, **shown)
    return render("nodes/new.html", form=form, code=code, **shown), 201


@blueprint.get("/<node_id>")
@signed_in
def show(node_id: str) -> ResponseReturnValue:
    """Show one machine, and to the sysadmin what can be done with it."""
    with reading() as session:
        node = nodes.get(session, node_id)
        census = nodes.census(session, g.now)
        row = _row(node, members.get(session, node.owner_id).name, census, g.now)
    may_decide = current_actor().has_role(Role.SYSADMIN)
    data = {"name": row.name, "state": row.state, "condition": row.condition, "public_key": node.public_key}
    return render_or_json("nodes/show.html", data, node=node, row=row, census=census, may_decide=may_decide)


def _after(node_id: str, done: str) -> ResponseReturnValue:
    return redirect_done(url_for("nodes.show", node_id=node_id), done)


@blueprint.post("/<node_id>/approve")
@role(Role.SYSADMIN)
def approve(node_id: str) -> ResponseReturnValue:
    """Let a waiting machine in."""
    with transaction() as session:
        nodes.approve(session, node_id=node_id, actor=current_actor(), now=g.now)
    return _after(node_id, "node_approved")


@blueprint.post("/<node_id>/drain")
@role(Role.SYSADMIN)
def drain(node_id: str) -> ResponseReturnValue:
    """Give a machine nothing new."""
    with transaction() as session:
        nodes.drain(session, node_id=node_id, actor=current_actor(), now=g.now)
    return _after(node_id, "node_drained")


@blueprint.post("/<node_id>/resume")
@role(Role.SYSADMIN)
def resume(node_id: str) -> ResponseReturnValue:
    """Give a drained machine work again."""
    with transaction() as session:
        nodes.resume(session, node_id=node_id, actor=current_actor(), now=g.now)
    return _after(node_id, "node_resumed")


@blueprint.post("/<node_id>/revoke")
@role(Role.SYSADMIN)
def revoke(node_id: str) -> ResponseReturnValue:
    """Cut a machine off for good."""
    with transaction() as session:
        nodes.revoke(session, node_id=node_id, actor=current_actor(), now=g.now)
    return _after(node_id, "node_revoked")


def panels(session: Session, actor: Actor, now: datetime) -> list[Panel]:
    """Return the grid's state in one line, and to the sysadmin the machines that wait."""
    try:
        census = nodes.census(session, now)
    except CoopError:  # no policy yet: the co-op was founded a moment ago
        return []
    rows = _rows(session, census, now)
    ready = [row for row in rows if row.condition == "ready"]
    shown = {"census": census, "ready": ready, "unseen": _unseen(rows)}
    found = [Panel("nodes/panel.html", shown, PANEL_GRID)]
    waiting = [row for row in rows if row.state == "waiting"]
    if waiting and actor.has_role(Role.SYSADMIN):
        found.append(Panel("nodes/panel_waiting.html", {"waiting": waiting}, PANEL_WAITING))
    return found
