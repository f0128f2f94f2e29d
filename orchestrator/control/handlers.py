"""What control answers on the bus: check the sender, one service in one transaction, answer after its commit."""

from datetime import datetime, timedelta

from sqlmodel import Session

from coop.core.clock import iso
from coop.core.errors import Forbidden
from orchestrator.bus import Bus
from orchestrator.control.announce import Announcer
from orchestrator.control.fleet import Fleet
from orchestrator.control.keys import GATEWAY, USER_VALID_S, Keys
from orchestrator.control.store import Store
from orchestrator.messages import (
    BudgetLeaseAsk,
    BudgetLeased,
    BudgetReturn,
    CredentialRenew,
    CredentialRenewed,
    Done,
    FleetList,
    FleetListed,
    FleetNode,
    Heartbeat,
    KeyResolve,
    KeyResolved,
    PolicyAnnounced,
    PolicyFetch,
    PolicyObeyed,
    ReceiptCountersign,
    ReceiptDeliver,
)
from orchestrator.rules import inventory
from orchestrator.services import budgets, nodes, receipts
from orchestrator.services import keys as key_service
from orchestrator.subjects import Subjects

ANY = "*"


class Handlers:
    """All subjects control serves. The server has checked that the last token of a subject is its sender."""

    def __init__(self, *, store: Store, keys: Keys, fleet: Fleet, announcer: Announcer) -> None:
        self._store, self._keys, self._fleet, self._announcer = store, keys, fleet, announcer

    async def register(self, bus: Bus) -> None:
        """Serve everything; may be called before the connection stands."""
        subjects = Subjects(self._keys.settings.instance)
        await bus.serve(subjects.policy_fetch(ANY), self.fetch_policy, PolicyFetch)
        await bus.serve(subjects.receipt_deliver(ANY), self.deliver_receipt, ReceiptDeliver)
        await bus.serve(subjects.receipt_countersign(ANY), self.countersign_receipt, ReceiptCountersign)
        await bus.serve(subjects.key_resolve(ANY), self.resolve_key, KeyResolve)
        await bus.serve(subjects.budget_lease(ANY), self.lease_budget, BudgetLeaseAsk)
        await bus.serve(subjects.budget_return(ANY), self.return_budget, BudgetReturn)
        await bus.serve(subjects.fleet_list(ANY), self.list_fleet, FleetList)
        await bus.serve(subjects.credential_renew(ANY), self.renew_credential, CredentialRenew)
        await bus.serve(subjects.node_beat(ANY), self.note_beat, Heartbeat, concurrency=1, queue_max=10_000)
        await bus.serve(subjects.policy_obeyed(ANY), self.note_obeyed, PolicyObeyed, concurrency=4, queue_max=10_000)

    # Policy ---------------------------------------------------------------------------------------
    async def fetch_policy(self, _sender: str, _message: PolicyFetch) -> PolicyAnnounced:
        """Return the bundle in force."""
        return await self._announcer.current()

    async def note_obeyed(self, sender: str, message: PolicyObeyed) -> None:
        """Write down what a node enforces from now on."""
        self._fleet.note_obeyed(sender, (message.epoch, message.policy_version))

        def note(session: Session, now: datetime) -> None:
            nodes.note_obeyed(session, name=sender, epoch=message.epoch, version=message.policy_version, now=now)

        await self._store.write(note)

    # Nodes ----------------------------------------------------------------------------------------
    async def note_beat(self, sender: str, message: Heartbeat) -> None:
        """Keep a heartbeat; a node that obeys an older policy hears the newest again."""
        if message.inventory is not None:
            message = message.model_copy(update={"inventory": inventory.read(dict(message.inventory))})
        self._fleet.note_beat(sender, message)
        await self._announcer.announce_to_laggard((message.epoch, message.policy_version))

    async def list_fleet(self, sender: str, _message: FleetList) -> FleetListed:
        """Return the nodes that may get work."""
        _require_gateway(sender)

        def look(session: Session, now: datetime) -> list[FleetNode]:
            return [
                FleetNode(
                    id=node.id,
                    name=node.name,
                    public_key=node.public_key,
                    models=list(node.models),
                    epoch=node.policy_epoch,
                    policy_version=node.policy_version,
                    is_accepting=self._fleet.is_accepting(node.name),
                )
                for node in nodes.list_fleet(session, now=now)
            ]

        return FleetListed(nodes=await self._store.read(look))

    async def renew_credential(self, sender: str, message: CredentialRenew) -> CredentialRenewed:
        """Return the next credential of the sender, for the key it enrolled with and no other."""

        def renew(session: Session, now: datetime) -> CredentialRenewed:
            ends = iso(now + timedelta(seconds=USER_VALID_S))
            if sender == GATEWAY:
                if message.public_key != self._keys.public_key_of(sender):
                    raise Forbidden("credential.other_key", name=sender)
                token = self._keys.mint_user("gateway", sender, message.public_key, now=now)
                return CredentialRenewed(credential=token, expires_at=ends)
            node = nodes.get_by_name(session, sender)
            if node.state not in nodes.MAY_CONNECT or node.public_key != message.public_key:
                raise Forbidden("credential.other_key", name=sender)
            token = self._keys.mint_user("node", sender, node.public_key, now=now)
            nodes.store_credential(session, node_id=node.id, credential=token)
            return CredentialRenewed(credential=token, expires_at=ends)

        return await self._store.write(renew)

    # Receipts -------------------------------------------------------------------------------------
    async def deliver_receipt(self, sender: str, message: ReceiptDeliver) -> Done:
        """Take a receipt from a node's journal."""

        def accept(session: Session, now: datetime) -> object:
            return receipts.accept(
                session, sender=sender, receipt=message.receipt, signature=message.signature, now=now
            )

        await self._store.write(accept)
        return Done()

    async def countersign_receipt(self, sender: str, message: ReceiptCountersign) -> Done:
        """Take a gateway's signature over a receipt."""
        _require_gateway(sender)

        def countersign(session: Session, now: datetime) -> object:
            return receipts.countersign(
                session,
                sender=sender,
                gateway_key=self._keys.public_key_of(sender),
                receipt=message.receipt,
                node_signature=message.node_signature,
                gateway_signature=message.gateway_signature,
                now=now,
            )

        await self._store.write(countersign)
        return Done()

    # Keys and budgets -----------------------------------------------------------------------------
    async def resolve_key(self, sender: str, message: KeyResolve) -> KeyResolved:
        """Return what an API key may do."""
        _require_gateway(sender)
        scope = await self._store.read(
            lambda session, now: key_service.resolve(session, digest=message.digest, now=now)
        )
        return KeyResolved(
            key_id=scope.key_id,
            member_id=scope.member_id,
            models=list(scope.models),
            expires_at=iso(scope.expires_at) if scope.expires_at is not None else None,
        )

    async def lease_budget(self, sender: str, message: BudgetLeaseAsk) -> BudgetLeased:
        """Give a gateway a slice of a member's credit."""
        _require_gateway(sender)

        def lease(session: Session, now: datetime) -> BudgetLeased:
            row = budgets.lease(
                session, member_id=message.member_id, gateway=sender, least_nano=int(message.least_nano), now=now
            )
            return BudgetLeased(lease_id=row.id, amount_nano=str(row.amount_nano), expires_at=iso(row.expires_at))

        return await self._store.write(lease)

    async def return_budget(self, sender: str, message: BudgetReturn) -> Done:
        """Take a slice back."""
        _require_gateway(sender)

        def give_back(session: Session, now: datetime) -> object:
            return budgets.give_back(
                session, lease_id=message.lease_id, gateway=sender, spent_nano=int(message.spent_nano), now=now
            )

        await self._store.write(give_back)
        return Done()


def _require_gateway(sender: str) -> None:
    """Refuse nodes a second time; the server's allow-lists do it first."""
    if sender != GATEWAY:
        raise Forbidden("bus.gateways_only", name=sender)
