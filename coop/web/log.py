"""The public log: signed heads, and how to check them without trusting this server."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from coop.services import log
from coop.web.access import public
from coop.web.db import reading
from coop.web.render import render_or_json

blueprint = Blueprint("log", __name__, url_prefix="/log")
HEADS_SHOWN = 50


@blueprint.get("")
@public
def index() -> ResponseReturnValue:
    """Show the newest signed heads."""
    with reading() as session:
        heads = log.list_heads(session, limit=HEADS_SHOWN)
    data = {"heads": [log.head_document(head) for head in heads]}
    return render_or_json("log/index.html", data, heads=heads)
