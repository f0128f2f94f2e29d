"""Loads every table of the three packages, so that migrations and tests see one whole schema."""

import importlib

from sqlalchemy import MetaData
from sqlmodel import SQLModel

# By name, not by import: coop uses neither governance nor orchestrator.
TABLE_MODULES = (
    "coop.models.cooperative",
    "coop.models.users",
    "coop.models.members",
    "coop.models.shares",
    "coop.models.ledger",
    "coop.models.credits",
    "coop.models.periods",
    "coop.models.payouts",
    "coop.models.events",
    "coop.models.work",
    "governance.models.proposals",
    "orchestrator.models.nodes",
    "orchestrator.models.keys",
)
APPEND_ONLY = (
    "bylaws",
    "contribution",
    "counted_ballot",
    "distribution",
    "distribution_line",
    "event",
    "ledger_entry",
    "ledger_posting",
    "log_head",
    "log_leaf",
    "payout",
    "payout_approval",
    "share_movement",
    "stored_document",
    "usage_posting",
)


def load_tables() -> MetaData:
    """Import every model and return the metadata that holds all tables."""
    for module in TABLE_MODULES:
        importlib.import_module(module)
    return SQLModel.metadata
