"""Signing in and out: by password or by a link that an officer handed over; and the page of the own account."""

from flask import Blueprint, g, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from coop.core.errors import CoopError, Invalid, NotSignedIn, TooMany
from coop.services import members, offices, sessions, signin_links, throttles, users
from coop.web.access import current_actor, public, signed_in
from coop.web.csrf import is_secure
from coop.web.db import reading, transaction
from coop.web.errors import status_of
from coop.web.forms import EMAIL_MAX, Form
from coop.web.gate import SESSION_COOKIE
from coop.web.render import redirect_done, render, render_invalid

blueprint = Blueprint("sessions", __name__)


def keep_session(response: Response, token: str) -> Response:
    """Hand the browser its new session."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(sessions.LIFETIME.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=is_secure(),
    )
    return response


def _begin(user_id: str, location: str) -> Response:
    """End the session this browser may have, and begin a new one with a new token."""
    with transaction() as session:
        if g.web_session is not None:
            sessions.end(session, session_id=g.web_session.id, now=g.now)
        token = sessions.create(session, user_id=user_id, now=g.now)
    return keep_session(redirect(location, code=303), token)


def own_path(text: str) -> str:
    """Return a path of this site to go on to; anything else becomes the home page."""
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and "\\" not in text and text.isprintable()
    return text if is_own else "/"


@blueprint.get("/sign-in")
@public
def new() -> ResponseReturnValue:
    """Show the sign-in form."""
    return render("sessions/new.html", next=own_path(request.args.get("next", "/")))


@blueprint.post("/sign-in")
@public
def create() -> ResponseReturnValue:
    """Sign in by password."""
    form = Form(request.form)
    email = form.text("email", max=EMAIL_MAX).casefold()
    password, onward = form.secret("password"), own_path(form.raw("next", "/"))
    address = request.remote_addr or "unknown"
    try:
        form.check()
        with transaction() as session:
            throttles.take(session, throttles.SIGNIN_ADDRESS, address, now=g.now)
            throttles.take(session, throttles.SIGNIN, email, address, now=g.now)
        with reading() as session:
            user = users.find_by_email(session, email)
        signed = users.authenticate(user, password)
    except Invalid as error:
        return render_invalid("sessions/new.html", form, error, next=onward)
    except (NotSignedIn, TooMany) as error:
        return _refuse(form, error, onward)
    return _begin(signed.id, onward)


def _refuse(form: Form, error: CoopError, onward: str) -> ResponseReturnValue:
    form.problems.append((error.code, error.values))
    headers = {"Retry-After": str(error.values["retry_after_s"])} if isinstance(error, TooMany) else {}
    return render("sessions/new.html", form=form, next=onward), status_of(error), headers


@blueprint.get("/sign-in/<token>")
@public
def link(token: str) -> ResponseReturnValue:
    """Show whom a link signs in; opening it uses nothing up, so previews of chat programs do no harm."""
    with reading() as session:
        name = signin_links.peek(session, token=token, now=g.now).name
    return render("sessions/link.html", token=token, name=name)


@blueprint.post("/sign-in/<token>")
@public
def use_link(token: str) -> ResponseReturnValue:
    """Sign in by a link, once."""
    with transaction() as session:
        user = signin_links.use(session, token=token, now=g.now)
    return _begin(user.id, "/")


@blueprint.post("/sign-out")
@signed_in
def end() -> ResponseReturnValue:
    """Sign out."""
    with transaction() as session:
        sessions.end(session, session_id=g.web_session.id, now=g.now)
    response = redirect_done("/sign-in", "signed_out")
    response.delete_cookie(SESSION_COOKIE)
    return response


@blueprint.get("/me")
@signed_in
def show() -> ResponseReturnValue:
    """Show the own account."""
    return _account()


def _account(form: Form | None = None) -> str:
    with reading() as session:
        held = [role.value for role in offices.list_held(session, g.user.id)]
        member_id = current_actor().member_id
        entry = members.get(session, member_id) if member_id else None
    return render("sessions/show.html", form=form, offices=held, member=entry, least=users.PASSWORD_LEAST)


@blueprint.post("/me/preferences")
@signed_in
def update() -> ResponseReturnValue:
    """Remember language and theme."""
    form = Form(request.form)
    language, theme = form.choice("language", users.LANGUAGES), form.choice("theme", {"system", "light", "dark"})
    form.check()
    with transaction() as session:
        users.set_preferences(session, user_id=g.user.id, language=language, theme="" if theme == "system" else theme)
    return redirect_done("/me", "saved")


@blueprint.post("/me/password")
@signed_in
def change_password() -> ResponseReturnValue:
    """Set a new password: every session ends, and this browser gets a new one."""
    form = Form(request.form)
    password = form.secret("password")
    if g.user.password_hash is not None and not users.does_match(form.secret("current"), g.user.password_hash):
        form.fail("current", "password.wrong")
    try:
        form.check()
        users.check_password(password, g.user.email)
    except Invalid as error:
        form.take(error)
        return _account(form), 422
    password_hash = users.hash_password(password)
    with transaction() as session:
        users.set_password(session, user_id=g.user.id, password_hash=password_hash, now=g.now)
        token = sessions.create(session, user_id=g.user.id, now=g.now)
    return keep_session(redirect_done("/me", "password_changed"), token)
