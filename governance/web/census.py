"""Who obeys the policy in force, as the pages show it. The count is the grid's; `app.py` hands its function over."""

from typing import Any

from flask import current_app, g
from sqlmodel import Session

EXTENSION = "census"  # a callable (session, now) -> nodes, obeying, lagging, names, version


def read(session: Session) -> dict[str, Any] | None:
    """Return the census with one parcel per machine; None in an application without a grid."""
    source = current_app.extensions.get(EXTENSION)
    if source is None:
        return None
    found = source(session, g.now)
    return {
        "nodes": found.nodes,
        "obeying": found.obeying,
        "lagging": list(found.lagging),
        "version": found.version,
        "parcels": [name not in found.lagging for name in found.names],
    }
