"""The books: trial balance, entries, CSV, and the treasurer's desk where expected payments are matched."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor, Role
from coop.core.clock import iso
from coop.core.errors import Conflict, Invalid, NotFound
from coop.services import ledger, payments
from coop.services.ledger import EntryView
from coop.web.access import current_actor, role
from coop.web.as_of import read_as_of
from coop.web.db import reading, transaction
from coop.web.formats import currency
from coop.web.forms import Form
from coop.web.home import Panel
from coop.web.once import once, once_key
from coop.web.paging import read_page
from coop.web.render import redirect_done, render, render_invalid, render_or_json

blueprint = Blueprint("ledger", __name__, url_prefix="/ledger")

READERS = (Role.TREASURER, Role.APPROVER, Role.AUDITOR)
REFERENCE_MAX = 40


@blueprint.get("")
@role(*READERS)
def index() -> ResponseReturnValue:
    """Show the trial balance as of a day."""
    chosen = read_as_of()
    with reading() as session:
        rows = ledger.trial_balance(session, chosen.at)
        entries = ledger.count_entries(session)
    return render_or_json(
        "ledger/index.html",
        {"at": iso(chosen.at), "accounts": [asdict(row) for row in rows]},
        rows=rows,
        debit_sum=sum(row.debit_minor for row in rows),
        credit_sum=sum(row.credit_minor for row in rows),
        entries=entries,
        on=chosen.on,
        at=chosen.at,
        form=chosen.form,
    )


@blueprint.get("/entries")
@role(*READERS)
def entries() -> ResponseReturnValue:
    """List entries, newest first, one page at a time."""
    with reading() as session:
        total = ledger.count_entries(session)
        page = read_page(request.args.get("page", ""), total=total, size=ledger.ENTRIES_PER_PAGE)
        rows = ledger.list_entries(session, page=page.number)
    return render_or_json(
        "ledger/entries.html",
        {"total": total, "page": page.number, "entries": [_data(row) for row in rows]},
        rows=rows,
        page=page,
        previous=url_for("ledger.entries", page=page.number - 1) if page.has_previous else None,
        next=url_for("ledger.entries", page=page.number + 1) if page.has_next else None,
    )


@blueprint.get("/entries/<id>")
@role(*READERS)
def show(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show one entry with its lines."""
    with reading() as session:
        entry = ledger.show_entry(session, id)
    return render_or_json("ledger/show.html", _data(entry), entry=entry)


@blueprint.get("/export.csv")
@role(*READERS)
def export() -> ResponseReturnValue:
    """Download the whole ledger as CSV."""
    with reading() as session:
        text = ledger.export_csv(session)
    headers = {"Content-Disposition": "attachment; filename=ledger.csv", "Cache-Control": "no-store"}
    return Response(text, mimetype="text/csv", headers=headers)


@blueprint.get("/payments")
@role(Role.TREASURER, Role.AUDITOR)
def expected() -> ResponseReturnValue:
    """List payments that should arrive, with the form to match one."""
    rows = _expected_rows()
    data = [{**asdict(row), "since_at": iso(row.since_at)} for row in rows]
    return render_or_json("ledger/payments.html", data, form=Form(), **_context(rows))


@blueprint.post("/payments/check")
@role(Role.TREASURER)
def start_check() -> ResponseReturnValue:
    """Look a transfer up; changes nothing and leads to the page that shows what would be booked."""
    form = Form(request.form)
    reference, amount_minor = form.text("reference", max=REFERENCE_MAX), form.amount("amount", currency())
    try:
        form.check()
        _check(reference, amount_minor)
    except (Invalid, NotFound, Conflict) as error:
        return _refused(form, error)
    return redirect(url_for("ledger.check", reference=reference, amount=form.raw("amount").strip()), code=303)


@blueprint.get("/payments/check")
@role(Role.TREASURER)
def check() -> ResponseReturnValue:
    """Show what a confirmation would book."""
    form = Form(request.args)
    if not form.values:
        return redirect(url_for("ledger.expected"), code=303)
    reference, amount_minor = form.text("reference", max=REFERENCE_MAX), form.amount("amount", currency())
    try:
        form.check()
        row = _check(reference, amount_minor)
    except (Invalid, NotFound, Conflict) as error:
        return _refused(form, error)
    return render("ledger/payment.html", row=row, amount=form.raw("amount").strip())


@blueprint.post("/payments/confirm")
@role(Role.TREASURER)
@once
def confirm() -> ResponseReturnValue:
    """Book a transfer and do what it pays for."""
    form = Form(request.form)
    reference, amount_minor = form.text("reference", max=REFERENCE_MAX), form.amount("amount", currency())
    form.check()
    with transaction() as session:
        done = payments.confirm(
            session, reference=reference, amount_minor=amount_minor, actor=current_actor(), now=g.now
        )
        location = url_for("ledger.show", id=done.entry_id, done="payment_confirmed")
        once_key(session, location)
    return redirect_done(location)


def panels(session: Session, actor: Actor, _now: datetime) -> list[Panel]:
    """Offer the treasurer how many payments are expected."""
    if not actor.has_role(Role.TREASURER):
        return []
    rows = payments.list_expected(session, actor=actor)
    if not rows:
        return []
    context = {"count": len(rows), "sum_minor": sum(row.amount_minor for row in rows)}
    return [Panel("ledger/_expected.html", context, order=12)]


def _check(reference: str, amount_minor: int) -> payments.Expected:
    with reading() as session:
        return payments.check(session, reference=reference, amount_minor=amount_minor, actor=current_actor())


def _refused(form: Form, error: Invalid | NotFound | Conflict) -> ResponseReturnValue:
    rows = _expected_rows()
    if isinstance(error, Invalid):
        return render_invalid("ledger/payments.html", form, error, **_context(rows))
    form.fail("amount" if error.code == "payment.wrong_amount" else "reference", error.code, **error.values)
    status = 409 if isinstance(error, Conflict) else 404
    return render("ledger/payments.html", form=form, **_context(rows)), status


def _expected_rows() -> list[payments.Expected]:
    with reading() as session:
        return payments.list_expected(session, actor=current_actor())


def _context(rows: list[payments.Expected]) -> dict[str, Any]:
    return {"rows": rows, "may_confirm": current_actor().has_role(Role.TREASURER), "currency": currency()}


def _data(entry: EntryView) -> dict[str, object]:
    return {**asdict(entry), "booked_at": iso(entry.booked_at)}
