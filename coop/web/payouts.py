"""Payout runs and statements. Signing and paying have a page to check first; the rules are the service's."""

from dataclasses import asdict
from datetime import datetime

from flask import Blueprint, Response, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor, Role
from coop.core.clock import iso
from coop.models.payouts import PayoutRun
from coop.models.work import StoredDocument
from coop.services import documents, payouts, periods
from coop.web.access import current_actor, member_only, role, signed_in
from coop.web.db import reading, transaction
from coop.web.home import Panel
from coop.web.once import once, once_key
from coop.web.render import redirect_done, render_or_json

blueprint = Blueprint("payouts", __name__, url_prefix="/payouts")
READERS = (Role.TREASURER, Role.APPROVER, Role.AUDITOR)


def _data(run: PayoutRun) -> dict[str, object]:
    return {
        "id": run.id,
        "number": run.number,
        "state": run.state,
        "total_minor": run.total_minor,
        "content_digest": run.content_digest,
        "prepared_at": iso(run.prepared_at),
    }


@blueprint.get("")
@role(*READERS)
def index() -> ResponseReturnValue:
    """List all runs, newest first."""
    with reading() as session:
        runs = payouts.list_runs(session)
        names = {period.id: period.name for period in periods.list_periods(session)}
    return render_or_json("payouts/index.html", [_data(run) for run in runs], runs=runs, names=names)


@blueprint.post("")
@role(Role.TREASURER)
@once
def create() -> ResponseReturnValue:
    """Prepare the run of a distributed period."""
    with transaction() as session:
        run = payouts.prepare(session, actor=current_actor(), period_id=request.form.get("period_id", ""), now=g.now)
        location = url_for("payouts.show", id=run.id, done="run_prepared")
        once_key(session, location)
    return redirect_done(location)


@blueprint.get("/mine")
@member_only
def mine() -> ResponseReturnValue:
    """List the member's own statements."""
    actor = current_actor()
    with reading() as session:
        rows = payouts.list_own(session, actor.require_member())
        names = {period.id: period.name for period in periods.list_periods(session)}
    data = [
        {"id": payout.id, "number": payout.number, "amount_minor": payout.amount_minor, "state": run.state}
        for payout, run in rows
    ]
    return render_or_json("payouts/mine.html", data, rows=rows, names=names)


def _page(template: str, run_id: str) -> ResponseReturnValue:
    actor = current_actor()
    with reading() as session:
        run = payouts.get(session, run_id)
        batch = documents.load(session, run_id)
        context = {
            "run": run,
            "batch": batch,
            "why_not": payouts.why_not(session, run, actor),
            "approvers": payouts.list_holders(session, Role.APPROVER),
            "treasurers": payouts.list_holders(session, Role.TREASURER),
            "is_treasurer": actor.has_role(Role.TREASURER),
            "files": documents.list_names(session, run_id),
            "links": {
                payout.number: f"/payouts/statements/{payout.id}" for payout in payouts.list_payouts(session, run_id)
            },
            "run_file": documents.run_name(run.number),
        }
    data = {**_data(run), "content": run.content, "documents": context["files"],
            "approvals": [{"by": name, "at": iso(at)} for name, at in batch.approved_by]}  # fmt: skip
    return render_or_json(template, data, **context)


@blueprint.get("/<id>")
@role(*READERS)
def show(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show a run: signatures, totals, every row, its hash and its documents."""
    return _page("payouts/show.html", id)


@blueprint.get("/<id>/approval")
@role(Role.APPROVER)
def check_approval(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show what would be signed."""
    return _page("payouts/approve.html", id)


@blueprint.post("/<id>/approval")
@role(Role.APPROVER)
@once
def approve(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Sign the run over the hash that the approver saw."""
    location = url_for("payouts.show", id=id, done="run_approved")
    with transaction() as session:
        payouts.approve(
            session,
            actor=current_actor(),
            run_id=id,
            content_digest=request.form.get("content_digest", ""),
            now=g.now,
        )
        once_key(session, location)
    return redirect_done(location)


@blueprint.get("/<id>/payment")
@role(Role.TREASURER)
def check_payment(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show what marking as paid would book."""
    return _page("payouts/pay.html", id)


@blueprint.post("/<id>/payment")
@role(Role.TREASURER)
@once
def pay(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Mark an approved run as paid."""
    location = url_for("payouts.show", id=id, done="run_paid")
    with transaction() as session:
        payouts.mark_paid(session, actor=current_actor(), run_id=id, now=g.now)
        once_key(session, location)
    return redirect_done(location)


def _file(document: StoredDocument) -> Response:
    answer = Response(document.content, mimetype=document.media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{document.name}"'
    answer.headers["X-Content-SHA256"] = document.sha256
    return answer


@blueprint.get("/<id>/document")
@role(*READERS)
def run_document(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Hand out the run's PDF."""
    with reading() as session:
        run = payouts.get(session, id)
        document = documents.read(session, name=documents.run_name(run.number), actor=current_actor())
    return _file(document)


@blueprint.get("/statements/<id>")
@signed_in
def statement(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Show one statement, each line explained."""
    with reading() as session:
        payout, run = payouts.get_payout(session, payout_id=id, actor=current_actor())
        batch = documents.load(session, run.id)
        files = documents.list_names(session, run.id)
    shown = next(row for row in batch.statements if row.number == payout.number)
    return render_or_json(
        "payouts/statement.html",
        {"state": run.state, "digest": run.content_digest, **asdict(shown), "joined_at": iso(shown.joined_at)},
        batch=batch,
        run=run,
        statement=shown,
        payout=payout,
        has_file=documents.statement_name(payout.number) in files,
    )


@blueprint.get("/statements/<id>/document")
@signed_in
def statement_document(id: str) -> ResponseReturnValue:  # noqa: A002 the word of the address
    """Hand out one statement's PDF: to its member, and to the treasury."""
    with reading() as session:
        payout, _ = payouts.get_payout(session, payout_id=id, actor=current_actor())
        document = documents.read(session, name=documents.statement_name(payout.number), actor=current_actor())
    return _file(document)


def panels(session: Session, actor: Actor, now: datetime) -> list[Panel]:  # noqa: ARG001 the signature of panels
    """Offer approvers the runs that wait for them, and members their newest payout."""
    found = []
    if actor.has_role(Role.APPROVER):
        for run in payouts.list_waiting(session):
            if payouts.why_not(session, run, actor) is None:
                found.append(Panel("payouts/panel_waiting.html", {"run": run}, order=10))
    if actor.member_id is not None and (own := payouts.list_own(session, actor.member_id)):
        payout, run = own[0]
        found.append(Panel("payouts/panel_next.html", {"payout": payout, "run": run}, order=30))
    return found
