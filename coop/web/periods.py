"""Periods and their close as a short task list. The order is the service's; the page shows where it stands."""

from datetime import datetime

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor, Role
from coop.core.clock import iso
from coop.core.errors import Invalid
from coop.models.payouts import PayoutRun
from coop.models.periods import AccountingPeriod
from coop.services import distributions, payouts, periods
from coop.web import formats
from coop.web.access import current_actor, role
from coop.web.db import reading, transaction
from coop.web.forms import YEARS, Form
from coop.web.home import Panel
from coop.web.once import once, once_key
from coop.web.render import redirect_done, render, render_invalid, render_or_json

blueprint = Blueprint("periods", __name__, url_prefix="/periods")
READERS = (Role.TREASURER, Role.APPROVER, Role.AUDITOR)
RUN_STEPS = {"prepared": 4, "approved": 5, "paid": 6}


def steps_done(period: AccountingPeriod, run: PayoutRun | None) -> int:
    """Return how many of the six steps are done: usage, costs, distribution, run prepared, approved, paid."""
    return RUN_STEPS[run.state] if run else periods.STATES.index(period.state)


@blueprint.get("")
@role(*READERS)
def index() -> ResponseReturnValue:
    """List all periods, newest first."""
    with reading() as session:
        rows = [(period, payouts.of_period(session, period.id)) for period in periods.list_periods(session)]
    data = [
        {"id": period.id, "name": period.name, "starts_at": iso(period.starts_at), "ends_at": iso(period.ends_at),
         "state": period.state, "run": run.id if run else None}
        for period, run in rows
    ]  # fmt: skip
    shown = [(period, steps_done(period, run)) for period, run in rows]
    return render_or_json(
        "periods/index.html", data, rows=shown, now=g.now, may_add=current_actor().has_role(Role.TREASURER)
    )


@blueprint.get("/new")
@role(Role.TREASURER)
def new() -> ResponseReturnValue:
    """Show the form of a new period; it starts where the last one ended."""
    return render("periods/new.html", **_suggestion())


def _suggestion() -> dict[str, str]:
    with reading() as session:
        rows = periods.list_periods(session)
    starts_at = rows[0].ends_at if rows else g.cooperative.founded_at
    local = g.now.astimezone(formats.zone()).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return {
        "starts_at": starts_at.astimezone(formats.zone()).strftime("%Y-%m-%dT%H:%M:%S"),
        "ends_at": local.strftime("%Y-%m-%dT%H:%M:%S"),
        "zone": str(formats.zone()),
    }


def _moment(form: Form, name: str) -> datetime:
    """Read a moment as <input type=datetime-local> sends it, in the co-op's zone; one with a zone keeps its own."""
    try:
        read = datetime.fromisoformat(form.text(name, max=40))
    except ValueError:
        read = None
    if read is None or read.year not in YEARS:
        form.fail(name, "period.not_moment")
        return g.now  # type: ignore[no-any-return]  # the request's moment
    return read if read.tzinfo else read.replace(tzinfo=formats.zone())


@blueprint.post("")
@role(Role.TREASURER)
@once
def create() -> ResponseReturnValue:
    """Add a period."""
    form = Form(request.form)
    name, starts_at, ends_at = form.text("name"), _moment(form, "starts_at"), _moment(form, "ends_at")
    try:
        form.check()
        with transaction() as session:
            period = periods.create(
                session, actor=current_actor(), name=name, starts_at=starts_at, ends_at=ends_at, now=g.now
            )
            location = url_for("periods.show", id=period.id, done="period_created")
            once_key(session, location)
    except Invalid as error:
        return render_invalid("periods/new.html", form, error, **_suggestion())
    return redirect_done(location)


def _page(period_id: str, form: Form | None = None) -> str:
    with reading() as session:
        period = periods.get(session, period_id)
        run = payouts.of_period(session, period_id)
        context = {
            "period": period,
            "run": run,
            "done_steps": steps_done(period, run),
            "costs": periods.list_costs(session, period_id),
            "usage": periods.list_usage(session, period_id),
            "distribution": distributions.of_period(session, period_id),
            "names": payouts.member_names(session),
            "treasurers": payouts.list_holders(session, Role.TREASURER),
            "approvers": payouts.list_holders(session, Role.APPROVER),
            "is_treasurer": current_actor().has_role(Role.TREASURER),
            "is_over": period.ends_at <= g.now,
        }
    return render("periods/show.html", form=form, **context)


@blueprint.get("/<id>")
@role(*READERS)
def show(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show the close of a period: what is done, what is next, and who can do it."""
    return _page(id)


@blueprint.post("/<id>/usage")
@role(Role.TREASURER)
@once
def complete_usage(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Step 1."""
    location = url_for("periods.show", id=id, done="usage_completed")
    with transaction() as session:
        periods.complete_usage(session, actor=current_actor(), period_id=id, now=g.now)
        once_key(session, location)
    return redirect_done(location)


@blueprint.post("/<id>/costs")
@role(Role.TREASURER)
@once
def enter_cost(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Enter one cost."""
    form = Form(request.form)
    text, amount_minor = form.text("text", max=periods.COST_TEXT_MAX), form.amount("amount", g.cooperative.currency)
    location = url_for("periods.show", id=id, done="cost_entered")
    try:
        form.check()
        with transaction() as session:
            periods.enter_cost(
                session, actor=current_actor(), period_id=id, text=text, amount_minor=amount_minor, now=g.now
            )
            once_key(session, location)
    except Invalid as error:
        form.take(error)
        return _page(id, form), 422
    return redirect_done(location)


@blueprint.post("/<id>/costs/complete")
@role(Role.TREASURER)
@once
def complete_costs(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Step 2."""
    location = url_for("periods.show", id=id, done="costs_completed")
    with transaction() as session:
        periods.complete_costs(session, actor=current_actor(), period_id=id, now=g.now)
        once_key(session, location)
    return redirect_done(location)


@blueprint.post("/<id>/distribution")
@role(Role.TREASURER)
@once
def distribute(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Step 3."""
    location = url_for("periods.show", id=id, done="distributed")
    with transaction() as session:
        distributions.distribute(session, actor=current_actor(), period_id=id, now=g.now)
        once_key(session, location)
    return redirect_done(location)


def panels(session: Session, actor: Actor, now: datetime) -> list[Panel]:
    """Offer treasurers the oldest period that is over and not yet closed."""
    if not actor.has_role(Role.TREASURER):
        return []
    due = [period for period in periods.list_periods(session) if period.ends_at <= now and period.state != "paid"]
    waiting = [
        period
        for period in reversed(due)
        if (run := payouts.of_period(session, period.id)) is None or run.state == "approved"
    ]
    return [Panel("periods/panel.html", {"period": waiting[0]}, order=12)] if waiting else []
