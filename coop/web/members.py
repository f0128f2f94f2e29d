"""The register of members: number, name and since for members; addresses and holdings for officers."""

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from coop.core.actor import Role
from coop.core.clock import iso
from coop.services import credits as prepaid
from coop.services import members, shares
from coop.web.access import current_actor, signed_in
from coop.web.as_of import read_as_of
from coop.web.db import reading
from coop.web.paging import read_page
from coop.web.render import render_or_json

blueprint = Blueprint("members", __name__, url_prefix="/members")

MEMBERS_PER_PAGE = 50
DESK = (Role.ADMIN, Role.TREASURER, Role.AUDITOR)


@blueprint.get("")
@signed_in
def index() -> ResponseReturnValue:
    """List the register as of a day, one page at a time."""
    actor = current_actor()
    chosen = read_as_of()
    is_desk = actor.has_role(*DESK)
    with reading() as session:
        members.require_reader(actor)
        register = members.list_register(session, chosen.at)
        holdings = shares.holdings(session, chosen.at) if is_desk else {}
    page = read_page(request.args.get("page", ""), total=len(register), size=MEMBERS_PER_PAGE)
    rows = register[page.offset : page.offset + page.size]
    data = [{"id": row.id, "number": row.number, "name": row.name, "joined_at": iso(row.joined_at)} for row in rows]
    return render_or_json(
        "members/index.html",
        data,
        rows=[(row, holdings.get(row.id, 0)) for row in rows],
        is_desk=is_desk,
        total=len(register),
        page=page,
        on=chosen.on,
        at=chosen.at,
        form=chosen.form,
        previous=url_for("members.index", page=page.number - 1, on=chosen.on) if page.has_previous else None,
        next=url_for("members.index", page=page.number + 1, on=chosen.on) if page.has_next else None,
    )


@blueprint.get("/<int:number>")
@signed_in
def show(number: int) -> ResponseReturnValue:
    """Show one member; addresses, shares and credit only to the desk and the member itself."""
    actor = current_actor()
    with reading() as session:
        members.require_reader(actor)
        member = members.by_number(session, number)
        is_open = actor.has_role(*DESK) or member.id == actor.member_id
        holding = shares.holding_micro(session, member.id) if is_open else 0
        available = prepaid.available_nano(session, member.id) if is_open else 0
    data: dict[str, object] = {"number": member.number, "name": member.name, "joined_at": iso(member.joined_at)}
    private: dict[str, object] = {}
    if is_open:
        private = {
            "email": member.email,
            "address": member.address,
            "holding_micro": holding,
            "available_nano": available,
        }
    return render_or_json(
        "members/show.html",
        {**data, **private},
        number_=member.number,
        name=member.name,
        kind=member.kind,
        joined_at=member.joined_at,
        left_at=member.left_at,
        private=private,
    )
