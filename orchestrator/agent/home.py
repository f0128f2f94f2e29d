"""The files of one node: its seed, whom it joined, its credential. The seed is written here once and never leaves."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from coop.core.errors import NotFound
from coop.core.signing import write_private
from orchestrator.rules.identity import Identity, new_seed


@dataclass(frozen=True)
class Enrolled:
    """What a node knows of its co-op since it enrolled. `policy_keys` are the pinned roots."""

    name: str
    portal_url: str
    instance: str
    policy_keys: list[str]
    nats_url: str
    fingerprint: str


class AgentHome:
    """The folder of one agent, mode 0700."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seed_path = folder / "seed"
        self.node_path = folder / "node.json"
        self.credential_path = folder / "node.creds"
        self.policy_path = folder / "policy.json"
        self.journal_path = folder / "journal"

    def identity(self) -> Identity:
        """Return the node's nkey, made on first use."""
        if not self.seed_path.exists():
            write_private(self.seed_path, new_seed().encode() + b"\n")
        os.chmod(self.seed_path, 0o600)
        return Identity(self.seed_path.read_text())

    def save(self, enrolled: Enrolled) -> None:
        """Pin what the node learned at enrolment."""
        write_private(self.node_path, json.dumps(asdict(enrolled), indent=2).encode())

    def enrolled(self) -> Enrolled:
        """Return what was pinned. Raises NotFound before enrolment."""
        if not self.node_path.exists():
            raise NotFound("agent.not_enrolled")
        return Enrolled(**json.loads(self.node_path.read_text()))

    def save_credential(self, token: str) -> None:
        """Write the credential file that NATS clients read: the user JWT and the seed."""
        write_private(self.credential_path, credential_text(token, self.identity().seed).encode())


def credential_text(token: str, seed: str) -> str:
    """Return a NATS credential file. Source: nats-io/jwt, decorated JWT and seed."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
