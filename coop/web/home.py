"""The home page: what needs the reader now, put together from the panels of all nouns.

A module with pages may offer `panels(session, actor, now) -> list[Panel]`. `order`: below 20 needs the reader now,
below 50
is true now, from 50 on has been. A panel's template is a part without layout and sees its `context`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, g
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlmodel import Session

from coop.core.actor import Actor
from coop.web.access import current_actor, public
from coop.web.db import reading
from coop.web.render import render

blueprint = Blueprint("home", __name__)


@dataclass(frozen=True)
class Panel:
    """A part of the home page: a template, what it shows, and where it stands."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)
    order: int = 50


NEEDS_BELOW = 20  # what stands above the columns
PanelSource = Callable[[Session, Actor, datetime], list[Panel]]


def _parts(panels: list[Panel]) -> list[Markup]:
    return [Markup(render(panel.template, **panel.context)) for panel in panels]  # noqa: S704 our own templates


@blueprint.get("/")
@public
def index() -> ResponseReturnValue:
    """Show what needs the reader now; strangers see what the co-op is and the ways in."""
    actor = current_actor()
    if actor.user_id is None:
        return render("home/welcome.html")
    sources: list[PanelSource] = current_app.extensions["coop_panels"]
    with reading() as session:
        panels = [panel for source in sources for panel in source(session, actor, g.now)]
    panels.sort(key=lambda panel: panel.order)
    needs = [panel for panel in panels if panel.order < NEEDS_BELOW]
    return render(
        "home/index.html",
        needs=_parts(needs),
        panels=_parts(panels[len(needs) :]),
        has_password=g.user.password_hash is not None,
    )
