"""Names of nodes: one token of a NATS subject and one label of a page."""

import re

from coop.core.errors import Invalid

NODE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


RESERVED = frozenset({"control", "system"})
RESERVED_START = "gateway-"


def is_reserved(name: str) -> bool:
    """Say whether a process of the co-op has this name: a node under it would hear that process's inbox."""
    return name in RESERVED or name.startswith(RESERVED_START)


def require_node_name(name: str) -> str:
    """Return the name where it is one. Raises Invalid with the field `node_name`."""
    if not NODE_NAME.fullmatch(name):
        raise Invalid("node.bad_name", fields={"node_name": "node.bad_name"})
    if is_reserved(name):
        raise Invalid("node.name_reserved", fields={"node_name": "node.name_reserved"})
    return name
