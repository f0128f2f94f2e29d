"""Which node gets a piece of work: one that serves the model and takes work, the least busy first."""

from collections.abc import Mapping, Sequence

from orchestrator.messages import FleetNode

ATTEMPTS_MAX = 3  # nodes that one request is tried on, all before the first answer


def choose(nodes: Sequence[FleetNode], model: str, running: Mapping[str, int]) -> list[FleetNode]:
    """Return at most ATTEMPTS_MAX nodes in the order to try. `running`: node name -> pieces of work in flight.

    Equally busy nodes are ordered by name, so that the outcome does not depend on the order they were told in.
    """
    able = [node for node in nodes if node.is_accepting and model in node.models]
    return sorted(able, key=lambda node: (running.get(node.name, 0), node.name))[:ATTEMPTS_MAX]


def list_models(nodes: Sequence[FleetNode]) -> list[str]:
    """Return the models that at least one node serves, sorted; nodes that rest now count too."""
    return sorted({model for node in nodes for model in node.models})
