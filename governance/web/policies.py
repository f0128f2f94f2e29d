"""Pages of policies, for everybody: what our machines obey, since when, by which decision, and the signed bundle."""

from datetime import datetime
from typing import Any

from flask import Blueprint, g
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor
from coop.core.clock import iso
from coop.core.errors import NotFound
from coop.core.policy.differences import list_changes, list_clauses
from coop.models.events import PolicyVersion
from coop.services import policies
from coop.web.access import public
from coop.web.db import reading
from coop.web.home import Panel
from coop.web.render import render_or_json
from governance.web import census

blueprint = Blueprint("policies", __name__, url_prefix="/policies")


def _row(policy: PolicyVersion) -> dict[str, Any]:
    return {
        "epoch": policy.epoch,
        "version": policy.version,
        "policy": policy.body,
        "digest": policy.digest,
        "proposal_id": policy.proposal_id,
        "ballot_number": policy.ballot_number,
        "result_digest": policy.result_digest,
        "valid_from": iso(policy.valid_from),
        "expires_at": iso(policy.expires_at),
        "is_signed": policy.bundle is not None,
    }


@blueprint.get("")
@public
def index() -> ResponseReturnValue:
    """Show the policy in force and all before it."""
    with reading() as session:
        history = policies.history(session)
        current = policies.in_force(session, g.now) if history else None
        seen = census.read(session) if current else None
    data = {
        "in_force": _row(current) if current else None,
        "history": [_row(policy) for policy in history],
        "census": seen,
    }
    clauses = list_clauses(policies.document_of(current)) if current else []
    return render_or_json("policies/index.html", data, current=current, history=history, clauses=clauses, census=seen)


@blueprint.get("/<int:epoch>/<int:version>")
@public
def show(epoch: int, version: int) -> ResponseReturnValue:
    """Show one policy in sentences, with its bundle."""
    with reading() as session:
        policy = policies.get(session, epoch, version)
        current = policies.in_force(session, g.now)
        before = policies.get(session, epoch, version - 1) if version > 1 else None
    document = policies.document_of(policy)
    return render_or_json(
        "policies/show.html",
        _row(policy),
        policy=policy,
        is_in_force=(policy.epoch, policy.version) == (current.epoch, current.version),
        clauses=list_clauses(document),
        changes=list_changes(policies.document_of(before), document) if before else [],
    )


@blueprint.get("/<int:epoch>/<int:version>/bundle.json")
@public
def bundle(epoch: int, version: int) -> ResponseReturnValue:
    """Give the signed bundle, as machines get it."""
    with reading() as session:
        policy = policies.get(session, epoch, version)
    if policy.bundle is None:
        raise NotFound("policy.not_signed", version=version)
    name = f"policy-{epoch}-{version}.json"
    return policy.bundle, {"Content-Disposition": f'attachment; filename="{name}"'}


def panels(session: Session, actor: Actor, now: datetime) -> list[Panel]:
    """Return the policy in force, in a line."""
    if actor.user_id is None:
        return []
    policy = policies.in_force(session, now)
    clauses = list_clauses(policies.document_of(policy))
    return [Panel("policies/panel.html", {"policy": policy, "clauses": clauses}, order=40)]
