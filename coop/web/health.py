"""What machines ask: is the process alive, can it work, and the few numbers worth watching. Remedies, not only
states.
"""

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy import func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, select

from coop.models.events import Event, LogLeaf
from coop.models.ledger import Posting
from coop.services import outbox, schema
from coop.web.access import public
from coop.web.db import database, reading

blueprint = Blueprint("health", __name__)
UNSEQUENCED_MANY = 10_000  # control orders events within a second; so many mean that it does not run


@blueprint.get("/livez")
@public
def livez() -> ResponseReturnValue:
    """Say that the process answers."""
    return jsonify(status="ok")


def _problems() -> list[dict[str, str]]:
    try:
        if not schema.is_current(database()):
            return [{"what": "the database has an older schema", "remedy": "run: coop up (it migrates first)"}]
        with reading() as session:
            waiting = _count_unsequenced(session)
    except SQLAlchemyError as error:
        remedy = "check COOP_DATABASE_URL, the disk and the database server, then run: coop doctor"
        return [{"what": f"the database cannot be used ({type(error).__name__})", "remedy": remedy}]
    if waiting > UNSEQUENCED_MANY:
        what = f"{waiting} events wait for their place in the log"
        return [{"what": what, "remedy": "see that control runs: coop up restarts it; read run/control.log"}]
    return []


def _count_unsequenced(session: Session) -> int:
    events = session.exec(select(func.count()).select_from(Event)).one()
    return events - session.exec(select(func.count()).select_from(LogLeaf)).one()


@blueprint.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """Say whether pages can be served, else what is wrong and the command that mends it."""
    problems = _problems()
    return jsonify(status="not ready" if problems else "ok", problems=problems), 503 if problems else 200


@blueprint.get("/metrics")
@public
def metrics() -> ResponseReturnValue:
    """Answer the numbers worth watching in Prometheus' format."""
    registry = CollectorRegistry()
    with reading() as session:
        numbers = {
            "coop_ledger_sum_minor": ("Sum of all postings; anything but 0 is an error",
                                      session.exec(select(func.coalesce(func.sum(Posting.amount_minor), 0))).one()),
            "coop_outbox_waiting": ("Messages that control has to send", outbox.count_unsent(session)),
            "coop_log_unsequenced": ("Events without a place in the log", _count_unsequenced(session)),
        }  # fmt: skip
    for name, (text, value) in numbers.items():
        Gauge(name, text, registry=registry).set(int(value))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
