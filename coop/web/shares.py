"""A member's shares: what is held and how it came about, ordering further ones, paying by reference."""

from datetime import datetime

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor
from coop.core.clock import iso
from coop.core.errors import Invalid
from coop.models.shares import ShareClass, ShareSubscription
from coop.services import ledger, shares
from coop.web.access import current_actor, member_only
from coop.web.db import reading, transaction
from coop.web.forms import Form
from coop.web.home import Panel
from coop.web.once import once, once_key
from coop.web.render import redirect_done, render, render_invalid, render_or_json

blueprint = Blueprint("shares", __name__, url_prefix="/shares")


@blueprint.get("")
@member_only
def index() -> ResponseReturnValue:
    """Show the member's holding, its history, and orders that wait for payment."""
    member_id = current_actor().require_member()
    with reading() as session:
        holding = shares.holding_micro(session, member_id)
        total = shares.total_micro(session)
        paid_in = -ledger.balance(session, "share_capital", member_id)
        movements = shares.list_movements(session, member_id)
        waiting = shares.list_waiting(session, member_id)
    data = {
        "holding_micro": holding,
        "total_micro": total,
        "paid_in_minor": paid_in,
        "waiting": [_data(row) for row in waiting],
    }
    return render_or_json(
        "shares/index.html",
        data,
        holding=holding,
        total=total,
        paid_in=paid_in,
        movements=movements,
        waiting=waiting,
    )


def _share_class() -> ShareClass:
    with reading() as session:
        return shares.membership_class(session)


@blueprint.get("/new")
@member_only
def new() -> ResponseReturnValue:
    """Show the form to order further shares."""
    return render("shares/new.html", share_class=_share_class())


@blueprint.post("")
@member_only
@once
def create() -> ResponseReturnValue:
    """Order further shares."""
    form = Form(request.form)
    quantity_micro = form.shares("shares")
    try:
        form.check()
        with transaction() as session:
            order = shares.subscribe(session, actor=current_actor(), quantity_micro=quantity_micro, now=g.now)
            location = url_for("shares.show", id=order.id, done="shares_subscribed")
            once_key(session, location)
    except Invalid as error:
        return render_invalid("shares/new.html", form, error, share_class=_share_class())
    return redirect_done(location)


@blueprint.get("/orders/<id>")
@member_only
def show(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show one order with what to pay by which reference."""
    with reading() as session:
        order = shares.get_subscription(session, actor=current_actor(), subscription_id=id)
    return render_or_json("shares/show.html", _data(order), order=order)


@blueprint.post("/orders/<id>/cancel")
@member_only
@once
def cancel(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Take back an order that is not paid."""
    location = url_for("shares.index", done="order_cancelled")
    with transaction() as session:
        shares.cancel(session, actor=current_actor(), subscription_id=id, now=g.now)
        once_key(session, location)
    return redirect_done(location)


def panels(session: Session, actor: Actor, _now: datetime) -> list[Panel]:
    """Offer the member's part of the field."""
    if actor.member_id is None:
        return []
    context = {
        "holding": shares.holding_micro(session, actor.member_id),
        "total": shares.total_micro(session),
        "paid_in": -ledger.balance(session, "share_capital", actor.member_id),
        "waiting": len(shares.list_waiting(session, actor.member_id)),
    }
    return [Panel("shares/_panel.html", context, order=40)]


def _data(order: ShareSubscription) -> dict[str, object]:
    return {
        "id": order.id,
        "state": order.state,
        "quantity_micro": order.quantity_micro,
        "amount_minor": order.amount_minor,
        "reference": order.reference,
        "created_at": iso(order.created_at),
    }
