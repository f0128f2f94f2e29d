"""Pages of proposals and their ballots: propose, read, vote, and see how it was decided."""

from datetime import datetime
from typing import Any

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from coop.core.actor import Actor
from coop.core.clock import iso
from coop.core.errors import Conflict, Forbidden, Invalid, NotFound
from coop.core.policy.differences import Change, list_changes, list_same
from coop.core.policy.schema import SECTIONS
from coop.models.base import NAME_MAX, TEXT_MAX
from coop.services import cooperatives, members, policies
from coop.web.access import current_actor, member_only, public, signed_in
from coop.web.db import reading, transaction
from coop.web.forms import Form
from coop.web.home import Panel
from coop.web.once import once, once_key
from coop.web.render import redirect_done, render, render_invalid, render_or_json, sentence
from governance.models.proposals import Ballot, Proposal
from governance.rules.verdicts import CHOICES, Verdict
from governance.services import ballots, proposals
from governance.services.proposals import Draft
from governance.web import census, proposal_forms

blueprint = Blueprint("proposals", __name__, url_prefix="/proposals")
HIDDEN = frozenset({"form_token", "request_key"})


def _row(proposal: Proposal, ballot: Ballot) -> dict[str, Any]:
    """Return what scripts read of a proposal."""
    return {
        "number": proposal.number,
        "id": proposal.id,
        "title": proposal.title,
        "reason": proposal.reason,
        "state": proposal.state,
        "before": proposal.before,
        "change": proposal.change,
        "opens_at": iso(ballot.opens_at),
        "closes_at": iso(ballot.closes_at),
        "closed_at": iso(ballot.closed_at) if ballot.closed_at else None,
        "in_force_at": iso(ballot.in_force_at) if ballot.in_force_at else None,
        "rule": ballot.rule,
        "electorate": {"size": ballot.electorate_size, "digest": ballot.electorate_digest},
        "verdict": ballot.verdict,
        "result_digest": ballot.result_digest,
    }


@blueprint.get("")
@signed_in
def index() -> ResponseReturnValue:
    """List open ballots with their time left, then what was decided."""
    actor = current_actor()
    with reading() as session:
        opened = [
            (proposal, ballot, ballots.entry_of(session, ballot.id, actor.member_id))
            for proposal, ballot in proposals.list_open(session)
        ]
        decided = proposals.list_decided(session)
    data = {
        "open": [_row(proposal, ballot) for proposal, ballot, _entry in opened],
        "decided": [_row(proposal, ballot) for proposal, ballot in decided],
    }
    return render_or_json("proposals/index.html", data, opened=opened, decided=decided, now=g.now)


def _form_context(session: Session, section: str) -> dict[str, Any]:
    policy = policies.in_force(session, g.now)
    document = policies.document_of(policy)
    return {
        "section": section,
        "today": proposal_forms.today(section, document, cooperatives.get(session).timezone),
        "rows": proposal_forms.row_numbers(document.hours),
        "days": proposal_forms.day_options(document.hours),
        "policy": policy,
        "document": document,
    }


@blueprint.get("/new")
@member_only
def new() -> ResponseReturnValue:
    """Show the form for `?section=hours` or `price`, or the choice between them."""
    section = request.args.get("section", "")
    if section not in SECTIONS:
        return render("proposals/choose.html")
    with reading() as session:
        context = _form_context(session, section)
    return render("proposals/new.html", **context)


def _section(form: Form) -> str:
    section = form.choice("section", SECTIONS)
    form.check()
    return section


def _read(session: Session, form: Form) -> tuple[str, str, str, dict[str, Any] | None, Draft]:
    """Return title, reason, section, value and what it would change. Raises Invalid."""
    section = _section(form)
    title = form.text("title", max=NAME_MAX)
    reason = form.text("reason", required=False, max=TEXT_MAX)
    document = policies.document_of(policies.in_force(session, g.now))
    value = proposal_forms.read(form, section, document)
    form.check()
    return title, reason, section, value, proposals.draft(session, section=section, value=value, now=g.now)


def _again(form: Form, error: Invalid) -> ResponseReturnValue:
    section = form.values.get("section", "")
    if section not in SECTIONS:
        return render("proposals/choose.html"), 422
    with reading() as session:
        context = _form_context(session, section)
    return render_invalid("proposals/new.html", form, error, **context)


@blueprint.post("/check")
@member_only
def check() -> ResponseReturnValue:
    """Show what the proposal would change, before it opens; nothing is stored."""
    form = Form(request.form)
    try:
        with reading() as session:
            title, reason, _section_name, _value, drafted = _read(session, form)
            _version, bylaws = cooperatives.current_bylaws(session, g.now)
            entitled = members.count(session, g.now)
    except Invalid as error:
        return _again(form, error)
    return render(
        "proposals/check.html",
        title=title,
        reason=reason,
        draft=drafted,
        rule=bylaws.policy_ballot,
        entitled=entitled,
        fields=[(name, value) for name, value in request.form.items() if name not in HIDDEN],
    )


@blueprint.post("")
@member_only
@once
def create() -> ResponseReturnValue:
    """Open the ballot."""
    form = Form(request.form)
    try:
        with transaction() as session:
            title, reason, section, value, _drafted = _read(session, form)
            proposal = proposals.propose(
                session,
                actor=current_actor(),
                title=title,
                reason=reason,
                section=section,
                value=value,
                now=g.now,
            )
            location = url_for("proposals.show", number=proposal.number, done="proposed")
            once_key(session, location)
    except Invalid as error:
        return _again(form, error)
    return redirect_done(location)


def _census(session: Session, number: int) -> dict[str, Any] | None:
    """Return who obeys the policy in force, where this proposal made it."""
    policy = policies.in_force(session, g.now)
    return census.read(session) if policy.ballot_number == number else None


def _changes(session: Session, proposal: Proposal) -> tuple[list[Change], list[str]]:
    base = policies.document_of(policies.in_force(session, g.now))
    before, after = proposals.documents_of(proposal, base)
    return list_changes(before, after), list_same(before, after)


def _page(session: Session, number: int) -> dict[str, Any]:
    """Return everything the page of a ballot shows."""
    actor = current_actor()
    proposal, ballot = proposals.get(session, number)
    changes, same = _changes(session, proposal)
    verdict = Verdict(**ballot.verdict) if ballot.verdict else ballots.standing(session, ballot)  # type: ignore[arg-type] # our own JSON
    policy = policies.of_proposal(session, proposal.id)
    return {
        "proposal": proposal,
        "ballot": ballot,
        "changes": changes,
        "same": same,
        "rule": ballots.rule_of(ballot),
        "verdict": verdict,
        "author": members.get(session, proposal.author_id),
        "entry": ballots.entry_of(session, ballot.id, actor.member_id),
        "counted": ballots.list_counted(session, ballot.id),
        "is_open": ballot.closed_at is None and g.now < ballot.closes_at,
        "policy": policy,
        "census": _census(session, proposal.number) if policy else None,
        "now": g.now,
    }


@blueprint.get("/<int:number>")
@signed_in
def show(number: int) -> ResponseReturnValue:
    """Show a proposal: what changes, how to vote or how it was decided."""
    with reading() as session:
        page = _page(session, number)
    data = {
        **_row(page["proposal"], page["ballot"]),
        "census": page["census"],
        "changes": [sentence(change.code, change.values) for change in page["changes"]],
        "standing": page["verdict"].to_json(),
        "policy": {"epoch": page["policy"].epoch, "version": page["policy"].version} if page["policy"] else None,
        "counted": [{"code": row.code, "choice": row.choice} for row in page["counted"]],
    }
    return render_or_json("proposals/show.html", data, **page)


@blueprint.post("/<int:number>/vote/check")
@member_only
def check_vote(number: int) -> ResponseReturnValue:
    """Show the choice once more before it is sent; nothing is stored."""
    form = Form(request.form)
    choice = form.choice("choice", CHOICES)
    with reading() as session:
        page = _page(session, number)
    if page["entry"] is None:
        raise Forbidden("ballot.not_entitled")
    if not page["is_open"]:
        raise Conflict("ballot.closed", closed_at=iso(page["ballot"].closes_at))
    try:
        form.check()
    except Invalid as error:
        return render_invalid("proposals/show.html", form, error, **page)
    return render("proposals/vote.html", choice=choice, **page)


@blueprint.post("/<int:number>/vote")
@member_only
@once
def vote(number: int) -> ResponseReturnValue:
    """Cast or change the vote."""
    location = url_for("proposals.receipt", number=number, done="voted")
    with transaction() as session:
        _proposal, ballot = proposals.get(session, number)
        choice = request.form.get("choice", "")
        ballots.cast(session, ballot_id=ballot.id, actor=current_actor(), choice=choice, now=g.now)
        once_key(session, location)
    return redirect_done(location)


@blueprint.get("/<int:number>/receipt")
@member_only
def receipt(number: int) -> ResponseReturnValue:
    """Show what the member voted and the code of it."""
    with reading() as session:
        proposal, ballot = proposals.get(session, number)
        entry = ballots.entry_of(session, ballot.id, current_actor().member_id)
    if entry is None or entry.cast is None:
        raise NotFound("ballot.no_vote")
    data = {"number": number, "choice": entry.cast["choice"], "code": entry.receipt_code}
    return render_or_json("proposals/receipt.html", data, proposal=proposal, ballot=ballot, entry=entry, now=g.now)


@blueprint.get("/<int:number>/electorate")
@signed_in
def electorate(number: int) -> ResponseReturnValue:
    """List who may vote in this ballot."""
    with reading() as session:
        proposal, ballot = proposals.get(session, number)
        members.require_reader(current_actor())
        rows = ballots.list_electorate(session, ballot.id)
    data = {
        "digest": ballot.electorate_digest,
        "members": [{"number": row[0], "name": row[1], "has_voted": row[2]} for row in rows],
    }
    return render_or_json("proposals/electorate.html", data, proposal=proposal, ballot=ballot, rows=rows)


@blueprint.get("/<int:number>/result.json")
@public
def result(number: int) -> ResponseReturnValue:
    """Give the result as it was hashed: its RFC 8785 bytes have the digest that the policy's bundle names."""
    with reading() as session:
        proposal, ballot = proposals.get(session, number)
        document = ballots.result_document(session, proposal, ballot)
    return document, {"Content-Disposition": f'attachment; filename="ballot-{number}-result.json"'}


def panels(session: Session, actor: Actor, now: datetime) -> list[Panel]:
    """Return open ballots in which the reader has not voted."""
    if actor.member_id is None:
        return []
    waiting = ballots.list_waiting_for(session, actor.member_id, now)
    rows = [(proposal, ballot, ballots.standing(session, ballot)) for proposal, ballot in waiting]
    return [Panel("proposals/panel.html", {"rows": rows}, order=10)] if rows else []
