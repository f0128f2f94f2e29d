"""A member's prepaid credit: what is there and where it went, and deposits that are paid by reference."""

from datetime import datetime

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor
from coop.core.clock import iso
from coop.core.errors import Invalid
from coop.models.credits import CreditDeposit
from coop.services import credits as prepaid
from coop.web.access import current_actor, member_only
from coop.web.db import reading, transaction
from coop.web.formats import currency
from coop.web.forms import Form
from coop.web.home import Panel
from coop.web.once import once, once_key
from coop.web.render import redirect_done, render, render_invalid, render_or_json

blueprint = Blueprint("credits", __name__, url_prefix="/credits")


@blueprint.get("")
@member_only
def index() -> ResponseReturnValue:
    """Show the member's credit, where it went, and all deposits."""
    member_id = current_actor().require_member()
    with reading() as session:
        summary = prepaid.summarise(session, member_id)
        deposits = prepaid.list_deposits(session, member_id)
    data = {
        "deposited_nano": str(summary.deposited_nano),
        "used_nano": str(summary.used_nano),
        "held_nano": str(summary.held_nano),
        "available_nano": str(summary.available_nano),
        "deposits": [_data(row) for row in deposits],
    }
    return render_or_json("credits/index.html", data, summary=summary, deposits=deposits)


@blueprint.get("/new")
@member_only
def new() -> ResponseReturnValue:
    """Show the form to add credit."""
    return render("credits/new.html", currency=currency())


@blueprint.post("")
@member_only
@once
def create() -> ResponseReturnValue:
    """Announce a deposit."""
    form = Form(request.form)
    amount_minor = form.amount("amount", currency())
    actor = current_actor()
    try:
        form.check()
        with transaction() as session:
            row = prepaid.deposit(
                session, actor=actor, member_id=actor.require_member(), amount_minor=amount_minor, now=g.now
            )
            location = url_for("credits.show", id=row.id, done="credit_announced")
            once_key(session, location)
    except Invalid as error:
        return render_invalid("credits/new.html", form, error, currency=currency())
    return redirect_done(location)


@blueprint.get("/deposits/<id>")
@member_only
def show(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show one deposit with what to pay by which reference."""
    with reading() as session:
        row = prepaid.get_deposit(session, actor=current_actor(), deposit_id=id)
    return render_or_json("credits/show.html", _data(row), deposit=row)


@blueprint.post("/deposits/<id>/cancel")
@member_only
@once
def cancel(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Take back a deposit that is not paid."""
    location = url_for("credits.index", done="deposit_cancelled")
    with transaction() as session:
        prepaid.cancel(session, actor=current_actor(), deposit_id=id, now=g.now)
        once_key(session, location)
    return redirect_done(location)


def panels(session: Session, actor: Actor, _now: datetime) -> list[Panel]:
    """Offer the member's credit."""
    if actor.member_id is None:
        return []
    summary = prepaid.summarise(session, actor.member_id)
    return [Panel("credits/_panel.html", {"summary": summary}, order=30)]


def _data(row: CreditDeposit) -> dict[str, object]:
    return {
        "id": row.id,
        "state": row.state,
        "amount_minor": row.amount_minor,
        "reference": row.reference,
        "created_at": iso(row.created_at),
    }
