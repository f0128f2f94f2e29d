"""Pages of a member's use of the grid: every receipt, and how each cost came about."""

from datetime import datetime

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor
from coop.web.access import current_actor, member_only, signed_in
from coop.web.db import reading
from coop.web.home import Panel
from coop.web.render import render_or_json
from orchestrator.models.keys import Receipt
from orchestrator.rules import receipts as receipt_rules
from orchestrator.services import receipts

blueprint = Blueprint("usage", __name__, url_prefix="/usage")
PANEL_ORDER = 55


def _document(row: Receipt) -> dict[str, object]:
    return {
        "id": row.id,
        "state": row.state,
        "receipt": row.body,
        "node_signature": row.node_signature,
        "gateway_signature": row.gateway_signature,
    }


@blueprint.get("")
@member_only
def index() -> ResponseReturnValue:
    """Show what the member used and what it cost."""
    with reading() as session:
        usage = receipts.usage_of_member(session, actor=current_actor())
    data = {
        "count": usage.count,
        "tokens": usage.tokens,
        "cost_nano": str(usage.cost_nano),
        "receipts": [_document(row) for row in usage.receipts],
    }
    return render_or_json("usage/index.html", data, usage=usage)


@blueprint.get("/<receipt_id>")
@signed_in
def show(receipt_id: str) -> ResponseReturnValue:
    """Show one receipt with its arithmetic and its signatures."""
    with reading() as session:
        row = receipts.get(session, receipt_id=receipt_id, actor=current_actor())
    return render_or_json("usage/show.html", _document(row), row=row, body=receipt_rules.read(row.body))


def panels(session: Session, actor: Actor, now: datetime) -> list[Panel]:  # noqa: ARG001 the contract of all panels
    """Return the member's use in one line."""
    if actor.member_id is None:
        return []
    return [Panel("usage/panel.html", {"usage": receipts.usage_of_member(session, actor=actor)}, PANEL_ORDER)]
