"""Every NATS subject, built here and nowhere else. Sender or receiver is always the last token, so allow-lists can bind it.

grid.v1.<coop>.req.<noun>.<verb>.<node>     asked of a node; the node subscribes req.*.*.<itself>
grid.v1.<coop>.evt.<noun>.<verb>.<node>     said by a node; it may publish evt.*.*.<itself>
grid.v1.<coop>.all.policy.announced         to every node and gateway
grid.v1.<coop>.ctl.<noun>.<verb>.<sender>   asked of control; answered to the asker's own inbox
"""

from dataclasses import dataclass

from coop.core.errors import Tampered

ROOT = "grid.v1"


@dataclass(frozen=True)
class Subjects:
    """The subjects of one instance. `coop` is Settings.instance; node and gateway names are single tokens."""

    coop: str

    def _build(self, *parts: str) -> str:
        return ".".join((ROOT, self.coop, *parts))

    # Asked of a node ------------------------------------------------------------------------------
    def job_run(self, node: str) -> str:
        """JobRun -> JobResult."""
        return self._build("req", "job", "run", node)

    def requests_to(self, node: str) -> str:
        """All that may be asked of a node."""
        return self._build("req", "*", "*", node)

    # Said by a node -------------------------------------------------------------------------------
    def node_beat(self, node: str) -> str:
        """Heartbeat, no answer."""
        return self._build("evt", "node", "beat", node)

    def policy_obeyed(self, node: str) -> str:
        """PolicyObeyed, no answer: this bundle is verified, stored and enforced from now on."""
        return self._build("evt", "policy", "obeyed", node)

    def events_of(self, node: str) -> str:
        """All that a node may say; `*` for control."""
        return self._build("evt", "*", "*", node)

    # To everybody ---------------------------------------------------------------------------------
    def policy_announced(self) -> str:
        """PolicyAnnounced: the whole signed bundle."""
        return self._build("all", "policy", "announced")

    # Asked of control -----------------------------------------------------------------------------
    def policy_fetch(self, sender: str) -> str:
        """PolicyFetch -> PolicyAnnounced."""
        return self._build("ctl", "policy", "fetch", sender)

    def receipt_deliver(self, sender: str) -> str:
        """ReceiptDeliver -> Done, after control's commit."""
        return self._build("ctl", "receipt", "deliver", sender)

    def receipt_countersign(self, sender: str) -> str:
        """ReceiptCountersign -> Done, after control's commit."""
        return self._build("ctl", "receipt", "countersign", sender)

    def key_resolve(self, sender: str) -> str:
        """KeyResolve -> KeyResolved."""
        return self._build("ctl", "key", "resolve", sender)

    def budget_lease(self, sender: str) -> str:
        """BudgetLeaseAsk -> BudgetLeased."""
        return self._build("ctl", "budget", "lease", sender)

    def budget_return(self, sender: str) -> str:
        """BudgetReturn -> Done."""
        return self._build("ctl", "budget", "return", sender)

    def fleet_list(self, sender: str) -> str:
        """FleetList -> FleetListed."""
        return self._build("ctl", "fleet", "list", sender)

    def credential_renew(self, sender: str) -> str:
        """CredentialRenew -> CredentialRenewed."""
        return self._build("ctl", "credential", "renew", sender)

    def asks_of(self, sender: str) -> str:
        """All that a sender may ask of control; `*` for control itself."""
        return self._build("ctl", "*", "*", sender)


def inbox_prefix(name: str) -> str:
    """Return the inbox prefix of one party: nobody shares an inbox."""
    return f"_INBOX_{name}"


def sender_of(subject: str) -> str:
    """Return the last token: who the server let publish here. Raises Tampered for a subject that is not ours.

    What goes to everybody comes from control alone and names no party: "".
    """
    parts = subject.split(".")
    if len(parts) == 6 and ".".join(parts[:2]) == ROOT and parts[3] == "all":
        return ""
    if len(parts) != 7 or ".".join(parts[:2]) != ROOT:
        raise Tampered("subject.unknown", subject=subject[:120])
    return parts[-1]
