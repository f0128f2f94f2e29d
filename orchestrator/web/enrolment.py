"""How machines join, as JSON for agents. Nobody is signed in: the code, then the machine's own key, give the right."""

import json
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from coop.core.errors import Invalid, Unavailable
from coop.core.settings import Settings
from coop.services import throttles
from coop.web.access import public
from coop.web.db import reading, settings, transaction
from orchestrator.rules import inventory as inventories
from orchestrator.rules import proofs, roots
from orchestrator.services import enrolments, nodes

blueprint = Blueprint("enrolment", __name__, url_prefix="/api/enrolments")
TEXT_MAX = 200


def trust_roots(found: Settings) -> dict[str, Any]:
    """Return the trust roots that control wrote. Raises Unavailable before its first start."""
    try:
        document = json.loads(found.roots_path.read_text())
    except (OSError, ValueError) as error:
        raise Unavailable("node.roots_missing") from error
    roots.read(document)
    return dict(document)


def grid_url(found: Settings) -> str:
    """Return the address of NATS for machines. Raises Unavailable before control's first start."""
    try:
        return found.grid_url
    except OSError as error:
        raise Unavailable("node.roots_missing") from error


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX or not (value.isascii() and value.isprintable()):
        raise Invalid("api.field_needed", field=name)
    return value


def _body() -> dict[str, Any]:
    try:
        body = request.get_json(silent=True)
    except RecursionError as error:  # nested without end
        raise Invalid("api.not_json") from error
    if not isinstance(body, dict):
        raise Invalid("api.not_json")
    return body


@blueprint.get("")
@public
def index() -> ResponseReturnValue:
    """Tell the public trust roots, so that a machine checks whom it joins before it uses its code."""
    return jsonify({"trust_roots": trust_roots(settings()), "nats_url": grid_url(settings())})


@blueprint.post("")
@public
def create() -> ResponseReturnValue:
    """Use a code up and put the machine into the waiting room."""
    with transaction() as session:
        throttles.take(session, throttles.ENROL_ADDRESS, request.remote_addr or "", now=g.now)
    body = _body()
    inventory = body.get("inventory")
    secret, public_key = _text(body, "code"), _text(body, "public_key")
    if not isinstance(inventory, dict):
        raise Invalid("api.field_needed", field="inventory")
    known = inventories.read(inventory)
    trusted, nats_url = trust_roots(settings()), grid_url(settings())
    with transaction() as session:
        node = enrolments.enrol(session, secret=secret, public_key=public_key, inventory_document=known, now=g.now)
    return jsonify({"node": node.name, "trust_roots": trusted, "nats_url": nats_url, "state": node.state}), 201


@blueprint.get("/<public_key>")
@public
def show(public_key: str) -> ResponseReturnValue:
    """Tell a machine that proves its key how it stands, and give it its credential once it is let in."""
    proofs.check(public_key, request.headers.get("Authorization", ""), g.now)
    with reading() as session:
        node = nodes.get_by_key(session, public_key)
    return jsonify({"node": node.name, "state": node.state, "credential": node.credential})
