"""Enacted policies: which one is in force, what came before, and the bundles that control signs for the grid."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select, update

from coop.core.actor import Actor, system
from coop.core.errors import Conflict, NotFound
from coop.core.policy import bundle as bundles
from coop.core.policy.bundle import ProposalName
from coop.core.policy.schema import FOUNDING_POLICY, PolicyDocument, read_document
from coop.core.signing import SigningKey, digest
from coop.models.events import PolicyVersion
from coop.services import cooperatives, events, outbox

FOUNDER = system("founding")
HISTORY_MAX = 200
FIRST = (1, 1)


def document_of(policy: PolicyVersion) -> PolicyDocument:
    """Return the typed document of an enacted policy."""
    return read_document(policy.body)


def _newest_first() -> Any:
    return select(PolicyVersion).order_by(col(PolicyVersion.epoch).desc(), col(PolicyVersion.version).desc())


def in_force(session: Session, now: datetime) -> PolicyVersion:
    """Return the policy in force at `now`. Raises NotFound before the first."""
    found: PolicyVersion | None = session.exec(_newest_first().where(col(PolicyVersion.valid_from) <= now)).first()
    if found is None:
        raise NotFound("policy.none_in_force")
    return found


def history(session: Session, *, limit: int = HISTORY_MAX) -> list[PolicyVersion]:
    """Return all policies, newest first."""
    return list(session.exec(_newest_first().limit(limit)))


def get(session: Session, epoch: int, version: int) -> PolicyVersion:
    """Return one policy. Raises NotFound."""
    found = session.get(PolicyVersion, (epoch, version))
    if found is None:
        raise NotFound("policy.not_found")
    return found


def of_proposal(session: Session, proposal_id: str) -> PolicyVersion | None:
    """Return the policy that a proposal became, None while it has not."""
    return session.exec(select(PolicyVersion).where(PolicyVersion.proposal_id == proposal_id)).first()


def newest(session: Session) -> PolicyVersion:
    """Return the newest policy for the one who will add the next: others who want to wait until the commit.

    Raises NotFound before the first.
    """
    cooperatives.lock(session)
    found: PolicyVersion | None = session.exec(_newest_first().execution_options(populate_existing=True)).first()
    if found is None:
        raise NotFound("policy.none_in_force")
    return found


def enact_first(session: Session, now: datetime) -> PolicyVersion:
    """Put the founding policy in force as epoch 1, version 1; again it changes nothing."""
    found = session.get(PolicyVersion, FIRST)
    if found is not None:
        return found
    return _add(session, document=FOUNDING_POLICY, place=FIRST, proposal=None, actor=FOUNDER, now=now)


def enact(
    session: Session, *, document: PolicyDocument, proposal: ProposalName, actor: Actor, now: datetime
) -> PolicyVersion:
    """Put a decided policy in force from `now` as the next version of the newest epoch, and tell control."""
    before = newest(session)
    place = (before.epoch, before.version + 1)
    return _add(session, document=document, place=place, proposal=proposal, actor=actor, now=now)


def _add(
    session: Session,
    *,
    document: PolicyDocument,
    place: tuple[int, int],
    proposal: ProposalName | None,
    actor: Actor,
    now: datetime,
) -> PolicyVersion:
    _, bylaws = cooperatives.current_bylaws(session, now)
    epoch, version = place
    policy = PolicyVersion(
        epoch=epoch,
        version=version,
        body=document.to_json(),
        digest=digest(document.to_json()),
        proposal_id=proposal.id if proposal else None,
        ballot_number=proposal.number if proposal else None,
        result_digest=proposal.result_digest if proposal else None,
        valid_from=now,
        expires_at=now + timedelta(seconds=bylaws.policy_validity_s),
        enacted_at=now,
    )
    session.add(policy)
    session.flush()
    named: dict[str, object] = {"epoch": epoch, "version": version}
    body = {**named, "digest": policy.digest, "proposal_id": policy.proposal_id}
    events.record(session, kind="policy.enacted", subject=f"{epoch}.{version}", body=body, actor=actor, now=now)
    outbox.put(session, kind="policy.enacted", body=named, now=now)
    return policy


def list_unsigned(session: Session) -> list[PolicyVersion]:
    """Return policies that control has yet to sign, oldest first."""
    statement = select(PolicyVersion).where(col(PolicyVersion.signed_at).is_(None))
    return list(session.exec(statement.order_by(col(PolicyVersion.epoch), col(PolicyVersion.version))))


def build_bundle(
    session: Session, epoch: int, version: int, key: SigningKey, coop: str, now: datetime
) -> dict[str, Any]:
    """Return the signed bundle of a policy, signing and storing it where none is. `coop` is Settings.instance.

    Raises NotFound; Conflict when another control stored its own meanwhile: read it then.
    """
    policy = get(session, epoch, version)
    if policy.bundle is not None:
        return policy.bundle
    proposal = None
    if policy.proposal_id is not None:
        assert policy.ballot_number is not None
        assert policy.result_digest is not None
        proposal = ProposalName(id=policy.proposal_id, number=policy.ballot_number, result_digest=policy.result_digest)
    unsigned = bundles.build(
        document_of(policy),
        coop=coop,
        epoch=epoch,
        version=version,
        valid_from=policy.valid_from,
        expires_at=policy.expires_at,
        proposal=proposal,
    )
    signed = bundles.sign(unsigned, key)
    store_signature(session, epoch, version, signed, now)
    return signed


def store_signature(session: Session, epoch: int, version: int, bundle: dict[str, Any], now: datetime) -> None:
    """Keep the signed bundle of a policy, once. Raises NotFound; Conflict for another one than the one that is kept."""
    policy = get(session, epoch, version)
    stored = session.exec(
        update(PolicyVersion)
        .where(
            col(PolicyVersion.epoch) == epoch,
            col(PolicyVersion.version) == version,
            col(PolicyVersion.signed_at).is_(None),
        )
        .values(bundle=bundle, signed_at=now)
    )
    if stored.rowcount == 0:
        session.refresh(policy)
        if policy.bundle != bundle:
            raise Conflict("policy.signed_otherwise", version=version)
        return
    session.refresh(policy)
    body: dict[str, object] = {"digest": policy.digest, "key_id": bundle["key_id"], "signature": bundle["signature"]}
    events.record(
        session, kind="policy.signed", subject=f"{epoch}.{version}", body=body, actor=system("control"), now=now
    )
