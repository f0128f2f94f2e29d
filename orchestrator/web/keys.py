"""Pages of API keys: made, shown once, revoked."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue

from coop.core.errors import Invalid
from coop.web.access import current_actor, member_only
from coop.web.db import reading, settings, transaction
from coop.web.forms import Form
from coop.web.render import redirect_done, render, render_invalid
from orchestrator.models.keys import ApiKey
from orchestrator.services import keys

blueprint = Blueprint("keys", __name__, url_prefix="/keys")
EXAMPLE_MODEL = "wordllama-256"


def state_of(key: ApiKey, now: datetime) -> str:
    """Return `revoked`, `expired` or `active`."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


@blueprint.get("")
@member_only
def index() -> ResponseReturnValue:
    """List the member's keys."""
    with reading() as session:
        rows = [(key, state_of(key, g.now)) for key in keys.list_own(session, actor=current_actor())]
    return render("keys/index.html", rows=rows, api_url=settings().api_url)


@blueprint.get("/new")
@member_only
def new() -> ResponseReturnValue:
    """Ask what the key is for."""
    return render("keys/new.html", form=Form())


@blueprint.post("")
@member_only
def create() -> ResponseReturnValue:
    """Make a key and show its secret, once: only its digest is kept, so this answers with the page itself."""
    form = Form(request.form)
    name = form.text("name")
    expires_at = None
    if form.raw("expires_on").strip():
        last_day = form.date("expires_on")
        expires_at = datetime.combine(last_day, time(), UTC) + timedelta(days=1)
    try:
        form.check()
        with transaction() as session:
            made = keys.create(session, actor=current_actor(), name=name, expires_at=expires_at, now=g.now)
    except Invalid as error:
        return render_invalid("keys/new.html", form, error)
    shown: dict[str, Any] = {
        "key": made.key,
        "secret": made.secret,
        "api_url": settings().api_url,
        "model": EXAMPLE_MODEL,
    }
    return render("keys/show.html", **shown), 201


@blueprint.post("/<key_id>/revoke")
@member_only
def revoke(key_id: str) -> ResponseReturnValue:
    """End a key."""
    with transaction() as session:
        keys.revoke(session, key_id=key_id, actor=current_actor(), now=g.now)
    return redirect_done(url_for("keys.index"), "key_revoked")
