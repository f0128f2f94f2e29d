"""Pages that explain and change with nothing: what is recorded, and who could read it."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from coop.web.access import public
from coop.web.render import render

blueprint = Blueprint("pages", __name__)


@blueprint.get("/what-we-record")
@public
def what_we_record() -> ResponseReturnValue:
    """Say what is recorded of people and prompts."""
    return render("pages/what_we_record.html")
