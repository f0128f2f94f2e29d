"""What every request passes before its view: origin, co-op and session, access mark, form token. Default deny."""

from datetime import timedelta
from itertools import chain

from flask import Flask, current_app, g, redirect, request
from flask.typing import ResponseReturnValue
from sqlmodel import select

from coop.core.clock import utc_now
from coop.core.errors import Invalid, NotFound
from coop.models.cooperative import Cooperative
from coop.services import actors, sessions
from coop.web import csrf, i18n
from coop.web.access import STRANGER, access_of
from coop.web.db import reading, transaction

SESSION_COOKIE = "coop_session"
SEEN_EVERY = timedelta(minutes=1)  # so that reading a page seldom writes

# What works before the co-op is set up, and without a database.
BEFORE_SETUP = frozenset({"setup", "health", "pages"})
WITHOUT_DATABASE = frozenset({"static", "health.livez"})


def _identify() -> None:
    """Set g.cooperative, g.user, g.web_session and g.actor from one snapshot."""
    g.actor, g.user, g.web_session, g.cooperative = STRANGER, None, None, None
    token = request.cookies.get(SESSION_COOKIE, "")
    with reading() as session:
        g.cooperative = session.exec(select(Cooperative)).one_or_none()
        found = sessions.find(session, token=token, now=g.now) if token else None
        if found is not None:
            g.web_session, g.user = found
            g.actor = actors.actor_for_user(session, g.user.id)
    if g.web_session is not None and g.now - g.web_session.seen_at > SEEN_EVERY:
        with transaction() as session:
            sessions.touch(session, session_id=g.web_session.id, now=g.now)


def _refuse_nul() -> None:
    """Refuse NUL bytes in what was typed: no text of people has one, and PostgreSQL keeps none. Raises Invalid."""
    typed = chain(request.args.items(multi=True), request.form.items(multi=True))
    if any("\x00" in name or "\x00" in value for name, value in typed):
        raise Invalid("request.nul")


def pass_gate() -> ResponseReturnValue | None:
    """Check a request before its view. Raises Forbidden, NotSignedIn; an unknown page is for the error handler."""
    g.now = utc_now()
    g.language = i18n.negotiate(None)
    is_unsafe = request.method not in csrf.SAFE_METHODS
    if is_unsafe:
        csrf.check_origin()
    if request.endpoint in WITHOUT_DATABASE:
        return None
    _identify()
    g.language = i18n.negotiate(g.user.language if g.user else None)
    if request.endpoint is None:
        return None
    if "\x00" in request.path:
        raise NotFound("page.not_found")
    if g.cooperative is None and request.blueprint not in BEFORE_SETUP:
        return redirect("/setup", code=303)
    access_of(current_app, request.endpoint).check(g.actor)
    if is_unsafe:
        csrf.check_token()
    _refuse_nul()
    return None


def install(app: Flask) -> None:
    """Put the gate before every view."""
    app.before_request(pass_gate)
