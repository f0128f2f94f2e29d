"""Users and their offices, for admins: add, hand over a sign-in link, grant and end offices, disable."""

from datetime import datetime

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import INCOMPATIBLE_ROLES, Actor, Role
from coop.core.errors import Invalid
from coop.core.sentences import N_
from coop.services import offices, signin_links, users
from coop.web.access import current_actor, role
from coop.web.db import reading, settings, transaction
from coop.web.forms import Form
from coop.web.home import Panel
from coop.web.once import once, once_key
from coop.web.render import redirect_done, render, render_invalid

blueprint = Blueprint("users", __name__, url_prefix="/users")

# Offices without which money stands still, and what for.
NEEDED = {
    Role.TREASURER: N_("confirms payments, closes periods and prepares payouts"),
    Role.APPROVER: N_("signs what the treasurer prepared"),
}
PANEL_ORDER = 15


def panels(session: Session, actor: Actor, _now: datetime) -> list[Panel]:
    """Tell an admin which offices nobody holds."""
    if not actor.has_role(Role.ADMIN):
        return []
    missing = [(role.value, meaning) for role, meaning in NEEDED.items() if not offices.list_holders(session, role)]
    return [Panel("users/panel.html", {"missing": missing}, PANEL_ORDER)] if missing else []


@blueprint.get("")
@role(Role.ADMIN)
def index() -> ResponseReturnValue:
    """List everybody who can sign in."""
    with reading() as session:
        rows = users.list_users(session)
    return render("users/index.html", rows=rows)


@blueprint.get("/new")
@role(Role.ADMIN)
def new() -> ResponseReturnValue:
    """Show the form of a new user."""
    return render("users/new.html")


@blueprint.post("")
@role(Role.ADMIN)
@once
def create() -> ResponseReturnValue:
    """Add a user."""
    form = Form(request.form)
    name, email = form.text("name"), form.email("email")
    try:
        form.check()
        with transaction() as session:
            user = users.create(session, email=email, name=name, now=g.now)
            location = url_for("users.show", id=user.id, done="user_created")
            once_key(session, location)
    except Invalid as error:
        return render_invalid("users/new.html", form, error)
    return redirect_done(location)


def _page(user_id: str, *, link: str | None = None, form: Form | None = None) -> str:
    with reading() as session:
        user = users.get(session, user_id)
        held = offices.list_held(session, user_id)
        history = offices.list_history(session, user_id)
    barred = {other for pair in INCOMPATIBLE_ROLES for other in pair if pair & set(held) and other not in held}
    open_roles = [role.value for role in Role if role not in held and role not in barred]
    return render(
        "users/show.html",
        shown=user,
        held=[role.value for role in held],
        open_roles=open_roles,
        barred=sorted(role.value for role in barred),
        history=history,
        link=link,
        form=form,
    )


@blueprint.get("/<id>")
@role(Role.ADMIN)
def show(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show a user with offices and what can be done."""
    return _page(id)


@blueprint.post("/<id>/sign-in-link")
@role(Role.ADMIN)
def make_link(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Make a sign-in link and show it once. It is the page of this answer: a redirect would have to keep the
    secret.
    """
    with transaction() as session:
        token = signin_links.create(session, user_id=id, actor=current_actor(), now=g.now)
    return _page(id, link=f"{settings().portal_url}/sign-in/{token}")


@blueprint.post("/<id>/offices")
@role(Role.ADMIN)
@once
def grant(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Grant an office."""
    location = url_for("users.show", id=id, done="office_granted")
    try:
        with transaction() as session:
            chosen = offices.read_role(request.form.get("role", ""))
            offices.grant(session, user_id=id, role=chosen, actor=current_actor(), now=g.now)
            once_key(session, location)
    except Invalid as error:
        form = Form(request.form)
        form.take(error)
        return _page(id, form=form), 422
    return redirect_done(location)


@blueprint.post("/<id>/offices/<role_name>/end")
@role(Role.ADMIN)
@once
def end(id: str, role_name: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """End an office."""
    location = url_for("users.show", id=id, done="office_ended")
    with transaction() as session:
        offices.end(session, user_id=id, role=offices.read_role(role_name), actor=current_actor(), now=g.now)
        once_key(session, location)
    return redirect_done(location)


@blueprint.post("/<id>/disable")
@role(Role.ADMIN)
@once
def disable(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Disable a user."""
    location = url_for("users.show", id=id, done="user_disabled")
    with transaction() as session:
        users.disable(session, user_id=id, actor=current_actor(), now=g.now)
        once_key(session, location)
    return redirect_done(location)
