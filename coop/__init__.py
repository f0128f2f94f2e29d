"""The co-operative itself: members, shares, ledger, distributions, payouts. Uses neither governance nor orchestrator."""

__version__ = "0.1.0"
