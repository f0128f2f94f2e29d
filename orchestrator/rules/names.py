"""Names of nodes: one token of a NATS subject and one label of a page."""

import re

from coop.core.errors import Invalid

NODE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def require_node_name(name: str) -> str:
    """Return the name where it is one. Raises Invalid with the field `node_name`."""
    if not NODE_NAME.fullmatch(name):
        raise Invalid("node.bad_name", fields={"node_name": "node.bad_name"})
    return name
