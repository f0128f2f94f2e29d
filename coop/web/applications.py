"""Applying to join: the public form, the applicant's own page with what to pay, and the desk of the admins."""

from datetime import datetime

from flask import Blueprint, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor, Role
from coop.core.clock import iso
from coop.core.errors import Invalid
from coop.models.members import Application
from coop.rules.references import normalise
from coop.services import applications, shares, throttles
from coop.web.access import current_actor, public, role, signed_in
from coop.web.db import reading, transaction
from coop.web.forms import TEXT_MAX, Form
from coop.web.home import Panel
from coop.web.once import once, once_key
from coop.web.render import redirect_done, render, render_invalid, render_or_json

blueprint = Blueprint("applications", __name__)

ADDRESS_MAX = 400


@blueprint.get("/apply")
@public
def new() -> ResponseReturnValue:
    """Show the form to join; who has applied already sees how it goes on."""
    actor = current_actor()
    with reading() as session:
        share_class = shares.membership_class(session)
        known = applications.latest_of_user(session, actor.user_id) if actor.user_id else None
    if known is not None and known.state != "refused":
        return redirect(url_for("applications.mine"), code=303)
    return render("applications/new.html", share_class=share_class)


@blueprint.post("/apply")
@public
@once
def create() -> ResponseReturnValue:
    """Take an application."""
    form = Form(request.form)
    name = form.text("name")
    email = form.email("email")
    address = form.text("address", required=False, max=ADDRESS_MAX)
    reason = form.text("reason", required=False, max=TEXT_MAX)
    shares_micro = form.shares("shares")
    with transaction() as session:
        throttles.take(session, throttles.APPLY_ADDRESS, request.remote_addr or "", now=g.now)
    try:
        form.check()
        with transaction() as session:
            application = applications.apply(
                session,
                actor=current_actor(),
                name=name,
                email=email,
                address=address,
                reason=reason,
                shares_micro=shares_micro,
                now=g.now,
            )
            location = url_for("applications.received", reference=application.reference)
            once_key(session, location)
    except Invalid as error:
        with reading() as session:
            share_class = shares.membership_class(session)
        return render_invalid("applications/new.html", form, error, share_class=share_class)
    return redirect(location, code=303)


@blueprint.get("/apply/received/<reference>")
@public
def received(reference: str) -> ResponseReturnValue:
    """Say what happens next. Shows the reference from the address and nothing else: anybody may open it."""
    return render("applications/received.html", reference=normalise(reference))


@blueprint.get("/applications/mine")
@signed_in
def mine() -> ResponseReturnValue:
    """Show the reader's own application: its state, and what to pay by which reference."""
    user_id = current_actor().user_id
    assert user_id is not None
    with reading() as session:
        application = applications.latest_of_user(session, user_id)
    return render_or_json("applications/mine.html", _data(application), application=application)


@blueprint.get("/applications")
@role(Role.ADMIN, Role.AUDITOR)
def index() -> ResponseReturnValue:
    """List applications, those to decide first."""
    with reading() as session:
        waiting = applications.list_open(session)
        decided = applications.list_decided(session)
    data = {"open": [_data(row) for row in waiting], "decided": [_data(row) for row in decided]}
    return render_or_json("applications/index.html", data, waiting=waiting, decided=decided)


@blueprint.get("/applications/<id>")
@role(Role.ADMIN, Role.AUDITOR)
def show(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show one application with what can be done."""
    actor = current_actor()
    with reading() as session:
        application = applications.get(session, application_id=id, actor=actor)
    return render_or_json(
        "applications/show.html", _data(application), application=application, may_decide=actor.has_role(Role.ADMIN)
    )


@blueprint.post("/applications/<id>/approve")
@role(Role.ADMIN)
@once
def approve(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Approve an application."""
    note = Form(request.form).text("note", required=False, max=TEXT_MAX)
    location = url_for("applications.show", id=id, done="application_approved")
    with transaction() as session:
        applications.approve(session, application_id=id, actor=current_actor(), note=note, now=g.now)
        once_key(session, location)
    return redirect_done(location)


@blueprint.post("/applications/<id>/refuse")
@role(Role.ADMIN)
@once
def refuse(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Refuse an application."""
    note = Form(request.form).text("note", required=False, max=TEXT_MAX)
    location = url_for("applications.show", id=id, done="application_refused")
    with transaction() as session:
        applications.refuse(session, application_id=id, actor=current_actor(), note=note, now=g.now)
        once_key(session, location)
    return redirect_done(location)


def panels(session: Session, actor: Actor, _now: datetime) -> list[Panel]:
    """Offer the applicant's next step, and to admins how many applications wait."""
    found = []
    if actor.member_id is None and actor.user_id is not None:
        application = applications.latest_of_user(session, actor.user_id)
        if application is not None or not actor.roles:
            found.append(Panel("applications/_step.html", {"application": application}, order=5))
    if actor.has_role(Role.ADMIN):
        undecided = sum(row.state == "applied" for row in applications.list_open(session))
        if undecided:
            found.append(Panel("applications/_waiting.html", {"count": undecided}, order=10))
    return found


def _data(application: Application | None) -> dict[str, object] | None:
    if application is None:
        return None
    return {
        "id": application.id,
        "name": application.name,
        "state": application.state,
        "shares_micro": application.shares_micro,
        "amount_minor": application.amount_minor,
        "reference": application.reference,
        "applied_at": iso(application.applied_at),
        "user_id": application.user_id,
        "member_id": application.member_id,
    }
