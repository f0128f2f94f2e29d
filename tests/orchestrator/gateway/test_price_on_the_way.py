"""A vote changes the policy while a request is on its way: the answer is not lost, and nothing is paid twice."""

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest

from coop.core.clock import iso, utc_now
from coop.core.errors import Conflict, Tampered, Unavailable
from coop.core.ids import new_id
from coop.core.money import cost_nano
from coop.core.policy.bundle import build, sign
from coop.core.policy.schema import FOUNDING_POLICY, PolicyDocument
from coop.core.signing import SigningKey
from orchestrator.gateway import serve
from orchestrator.gateway.wire import EmbeddingsAsk
from orchestrator.messages import (
    BudgetLeased,
    FleetNode,
    JobResult,
    JobRun,
    KeyResolved,
    PolicyAnnounced,
    ReceiptCountersign,
)
from orchestrator.rules import receipts
from orchestrator.rules.identity import Identity, new_seed

COOP, MODEL = "0a1b2c3d", "wordllama-256"
DEARER = PolicyDocument(price=FOUNDING_POLICY.price.model_copy(update={"default_micro": 30_000}))
ASK = EmbeddingsAsk(MODEL, ["hello"], False)
KEY = KeyResolved(key_id="k", member_id="m", models=[], expires_at=None)


class StandIn:
    """Control and one node. `node_at` is the version that the node obeys, `control_at` the one in force."""

    def __init__(self, documents: list[PolicyDocument]) -> None:
        self.signer, self.node_key = SigningKey.generate(), Identity(new_seed())
        now = utc_now()
        self.documents = documents
        self.bundles: list[dict[str, Any]] = [
            sign(
                build(
                    document, coop=COOP, epoch=1, version=version, valid_from=now - timedelta(seconds=9),
                    expires_at=now + timedelta(days=1), proposal=None,
                ),
                self.signer,
            )
            for version, document in enumerate(documents, start=1)
        ]  # fmt: skip
        self.control_at = self.node_at = 1
        self.prices: list[int] = []
        self.receipts: list[dict[str, Any]] = []

    async def resolve(self, _digest: str) -> KeyResolved:
        return KEY

    async def lease(self, _member_id: str, _least_nano: int) -> BudgetLeased:
        return BudgetLeased(
            lease_id=new_id(), amount_nano="20000000", expires_at=iso(utc_now() + timedelta(seconds=30))
        )

    async def give_back(self, lease_id: str, spent_nano: int) -> None:
        pass

    async def countersign(self, message: ReceiptCountersign) -> None:
        pass

    async def list_fleet(self) -> list[FleetNode]:
        return [
            FleetNode(
                id="n", name="barn-1", public_key=self.node_key.public_key, models=[MODEL], epoch=1, policy_version=1,
                is_accepting=True,
            )
        ]  # fmt: skip

    async def fetch_policy(self) -> PolicyAnnounced:
        return PolicyAnnounced(bundle=self.bundles[self.control_at - 1])

    async def run_job(self, node: str, job: JobRun) -> JobResult:
        self.prices.append(job.price_micro)
        price = self.documents[self.node_at - 1].price.default_micro
        if job.price_micro != price:
            raise Conflict("job.wrong_price", offered=job.price_micro, price=price)
        bundle = self.bundles[self.node_at - 1]
        body = receipts.ReceiptBody(
            id=job.id, kind=job.kind, model=job.model, node=node, gateway=job.gateway, member_id=job.member_id,
            is_member=True, key_id=job.key_id, lease_id=job.lease_id, inputs=1, tokens=3, price_micro=str(price),
            cost_nano=str(cost_nano(3, price)), started_at=iso(utc_now()), finished_at=iso(utc_now()),
            policy=receipts.PolicyName(epoch=1, version=self.node_at, digest=bundle["policy_digest"]),
        )  # fmt: skip
        document = body.model_dump(mode="json")
        self.receipts.append(document)
        vector = base64.b64encode(bytes(4)).decode()
        signature = self.node_key.sign(receipts.signed_bytes(body))
        return JobResult(vectors=[vector], dimensions=1, tokens=3, receipt=document, signature=signature)


async def gateway_of(grid: StandIn) -> serve.Gateway:
    made = serve.Gateway(
        name="gateway-1", grid=grid, key=Identity(new_seed()), policy_keys=[grid.signer.key_id], coop=COOP
    )
    await made.refresh_policy()
    await made.refresh_fleet()
    return made


def test_a_new_price_is_asked_again_once_and_charged_once() -> None:
    async def play() -> None:
        grid = StandIn([FOUNDING_POLICY, DEARER])
        gateway = await gateway_of(grid)
        grid.control_at = grid.node_at = 2
        result = await gateway.embed(KEY, ASK)
        assert grid.prices == [20_000, 30_000]
        assert [document["price_micro"] for document in grid.receipts] == ["30000"]
        assert result.receipt["policy"]["version"] == 2

    asyncio.run(play())


def test_a_node_that_keeps_another_price_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        monkeypatch.setattr(serve, "NODE_BEHIND_S", 0.0)
        grid = StandIn([FOUNDING_POLICY, DEARER])
        gateway = await gateway_of(grid)
        grid.node_at = 2
        with pytest.raises(Unavailable, match=r"api\.no_node"):
            await gateway.embed(KEY, ASK)
        assert len(grid.prices) == 2
        assert grid.receipts == []

    asyncio.run(play())


def test_work_admitted_under_the_policy_before_counts_for_as_long_as_news_travel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def play() -> None:
        grid = StandIn([FOUNDING_POLICY, FOUNDING_POLICY])
        gateway = await gateway_of(grid)
        grid.control_at = 2
        await gateway.refresh_policy()
        result = await gateway.embed(KEY, ASK)
        assert result.receipt["policy"]["version"] == 1
        monkeypatch.setattr(serve, "NEWS_TRAVEL_S", 0.0)
        with pytest.raises(Tampered):
            await gateway.embed(KEY, ASK)

    asyncio.run(play())
