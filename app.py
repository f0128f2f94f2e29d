"""The map of the code, and the Flask application that puts its three packages together.

One noun names a feature in every layer. To find one, take its noun below, then its layer:

    coop/            the co-operative itself
      core/          errors money clock ids actor db signing log settings policy/ sentences/   (imports nothing of ours)
      rules/         pure decisions: bylaws distributions ...
      models/        tables: users cooperative members shares ledger credits periods payouts events work
      services/      use cases: users offices sessions signin_links setup throttles cooperatives applications members
                     payments shares ledger credits periods distributions payouts documents policies events log
                     outbox tasks
      web/           pages: home setup sessions users applications members shares credits ledger periods payouts log
                     health pages; around them access forms render once errors csrf security i18n formats nav serve
      cli.py supervisor.py schedule.py worker.py
    governance/      proposals ballots verdicts enactments: rules models services web
    orchestrator/    subjects messages bus; nodes keys budgets receipts usage: rules models services web
      control/ gateway/ agent/        the async processes
    templates/<noun>/                 the pages of a noun; layout.html, ui.html and svg.html are everybody's
    migrations/ static/ translations/ tests/ (mirrors the packages)

Requests come in through `create_app`: origin, session, access mark and form token are checked there, in this order.
"""

import importlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from coop.core.db import Database
from coop.core.resources import resource
from coop.core.settings import Settings
from coop.schedule import JobSpec
from coop.web import access, csrf, errors, gate, render, security

if TYPE_CHECKING:
    from coop.demo import Step

# The nouns that have pages, in the order of the map.
BLUEPRINTS = (
    "coop.web.home",
    "coop.web.setup",
    "coop.web.sessions",
    "coop.web.users",
    "coop.web.applications",
    "coop.web.members",
    "coop.web.shares",
    "coop.web.credits",
    "coop.web.ledger",
    "coop.web.periods",
    "coop.web.payouts",
    "coop.web.log",
    "coop.web.health",
    "coop.web.pages",
    "governance.web.proposals",
    "governance.web.policies",
    "orchestrator.web.nodes",
    "orchestrator.web.keys",
    "orchestrator.web.usage",
    "orchestrator.web.enrolment",
)
NUMBER_MAX = 2**31 - 1  # of numbers in addresses; a greater one fits no column, so there is no such page
BODY_BYTES_MAX = 1024 * 1024
STATIC_AGE = timedelta(hours=1)
CLOCK_EVERY_S = 1


class NumberConverter(IntegerConverter):
    """A whole number in an address that a column can hold."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=NUMBER_MAX)


def create_app(settings: Settings | None = None) -> Flask:
    """Build the portal. Raises AssertionError when a view wears no access mark."""
    settings = settings or Settings()
    app = Flask("app", root_path=str(Path(__file__).parent), static_folder=str(resource("static")),
                template_folder=str(resource("templates")))  # fmt: skip
    app.config.update(MAX_CONTENT_LENGTH=BODY_BYTES_MAX, SEND_FILE_MAX_AGE_DEFAULT=STATIC_AGE)
    app.url_map.converters["int"] = NumberConverter
    app.extensions["coop_settings"] = settings
    app.extensions["coop_database"] = Database(settings.database)
    for part in (security, csrf, gate, errors, render):
        part.install(app)
    modules = [importlib.import_module(name) for name in BLUEPRINTS]
    for module in modules:
        app.register_blueprint(module.blueprint)
    app.extensions["coop_panels"] = [module.panels for module in modules if hasattr(module, "panels")]
    # governance and orchestrator never import each other: ballots show the grid's count through this.
    app.extensions["census"] = importlib.import_module("orchestrator.services.nodes").census
    access.public(app.view_functions["static"])
    access.require_marks(app)
    return app


def clock_jobs() -> list[JobSpec]:
    """Return the jobs of the clock: governance and orchestrator never import each other, so control is given them."""
    from governance.services import ballots, enactments

    return [
        JobSpec("ballots.close_due", CLOCK_EVERY_S, ballots.close_due),
        JobSpec("enactments.enact_due", CLOCK_EVERY_S, enactments.enact_due),
    ]


def run_control(settings: Settings) -> int:
    """Run the control process with the jobs of all packages. Returns the exit status."""
    from orchestrator.control import main

    return main.run(settings, clock_jobs())


def demo_steps() -> "list[Step]":
    """Return what fills a demo instance, in order: each package plays its own part."""
    from coop import demo
    from governance import demo as decisions
    from orchestrator import demo as machines

    return [
        demo.Step("founding the co-op, twelve members join", demo.found_and_join),
        demo.Step("a vote on the price", decisions.decide_price),
        demo.Step("machines serve for a quarter", machines.serve_since_the_quarter),
        demo.Step("the quarter is closed, its payout run prepared", demo.close_quarter),
        demo.Step("further shares", demo.buy_further_shares),
        demo.Step("an open ballot on hours", decisions.open_ballot),
    ]
