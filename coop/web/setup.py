"""The setup page: opened by the link of the first start, it founds the co-op and signs its first admin in."""

from flask import Blueprint, g, redirect, request
from flask.typing import ResponseReturnValue

from coop.core.errors import Invalid
from coop.core.money import EXPONENTS
from coop.rules.bylaws import FOUNDING, Bylaws
from coop.services import sessions, setup, users
from coop.services.setup import Founding
from coop.web.access import public
from coop.web.db import reading, transaction
from coop.web.forms import Form
from coop.web.render import render, render_invalid
from coop.web.sessions import keep_session

blueprint = Blueprint("setup", __name__, url_prefix="/setup")
YEAR_S = 366 * 86_400
CURRENCIES = [(code, code) for code in sorted(EXPONENTS)]


@blueprint.get("")
@public
def index() -> ResponseReturnValue:
    """Say where the setup link is."""
    return redirect("/", code=303) if g.cooperative else render("setup/index.html")


@blueprint.get("/<token>")
@public
def new(token: str) -> ResponseReturnValue:
    """Show the form of a link that can still be used."""
    with reading() as session:
        setup.require_link(session, token=token, now=g.now)
    return render("setup/new.html", token=token, currencies=CURRENCIES, rule=FOUNDING.policy_ballot)


def _read_bylaws(form: Form) -> Bylaws:
    rule = FOUNDING.policy_ballot
    periods = {
        "voting_s": form.integer("voting_s", least=1, most=YEAR_S, default=rule.voting_s),
        "waiting_s": form.integer("waiting_s", least=0, most=YEAR_S, default=rule.waiting_s),
    }
    return FOUNDING.model_copy(update={"policy_ballot": rule.model_copy(update=periods)})


@blueprint.post("/<token>")
@public
def create(token: str) -> ResponseReturnValue:
    """Found the co-op."""
    form = Form(request.form)
    founding = Founding(
        name=form.text("coop_name"),
        legal_name=form.text("legal_name"),
        currency=form.choice("currency", EXPONENTS),
        timezone=form.text("timezone", max=64),
        bylaws=_read_bylaws(form),
    )
    name, email, password = form.text("name"), form.email("email"), form.secret("password")
    try:
        form.check()
        users.check_password(password, email)
        with reading() as session:
            setup.require_link(session, token=token, now=g.now)
        password_hash = users.hash_password(password)
        with transaction() as session:
            user = setup.complete(
                session,
                token=token,
                founding=founding,
                name=name,
                email=email,
                password_hash=password_hash,
                now=g.now,
            )
            session_token = sessions.create(session, user_id=user.id, now=g.now)
    except Invalid as error:
        context = {"token": token, "currencies": CURRENCIES, "rule": FOUNDING.policy_ballot}
        return render_invalid("setup/new.html", form, error, **context)
    return keep_session(redirect("/", code=303), session_token)
