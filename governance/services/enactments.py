"""Enactments: after the waiting period a passed proposal becomes the next version of the policy, once."""

from datetime import datetime

from sqlmodel import Session, col, select, update

from coop.core.actor import system
from coop.core.errors import Invalid
from coop.core.policy.bundle import ProposalName
from coop.core.policy.schema import PolicyDocument, apply_change, section_of
from coop.models.events import PolicyVersion
from coop.services import events, policies
from governance.models.proposals import Ballot, Proposal

ENACT_BATCH_MAX = 50
CLOCK = system("clock")


def enact_due(session: Session, now: datetime) -> list[PolicyVersion]:
    """Enact every passed proposal whose waiting period is over, in order, and return the new policies.

    One whose section was changed by another decision meanwhile lapses: members voted on another difference.
    """
    due = session.exec(
        select(Proposal.id, Ballot.result_digest)
        .join(Ballot, col(Ballot.proposal_id) == Proposal.id)
        .where(Proposal.state == "passed", col(Ballot.in_force_at) <= now)
        .order_by(col(Ballot.in_force_at), col(Proposal.number))
        .limit(ENACT_BATCH_MAX)
    ).all()
    enacted = []
    for proposal_id, result_digest in due:
        assert result_digest is not None
        policy = _enact(session, proposal_id, result_digest, now)
        if policy is not None:
            enacted.append(policy)
    return enacted


def _enact(session: Session, proposal_id: str, result_digest: str, now: datetime) -> PolicyVersion | None:
    """Enact one. None when it lapsed or somebody else was quicker."""
    newest = policies.newest(session)  # waits for others who add a version
    statement = select(Proposal).where(Proposal.id == proposal_id, Proposal.state == "passed").with_for_update()
    proposal = session.exec(statement.execution_options(populate_existing=True)).first()
    if proposal is None:
        return None
    document = _changed(proposal, policies.document_of(newest))
    taken = session.exec(
        update(Proposal)
        .where(col(Proposal.id) == proposal_id, col(Proposal.state) == "passed")
        .values(state="lapsed" if document is None else "enacted")
    )
    if taken.rowcount == 0:
        return None
    session.refresh(proposal)
    if document is None:
        body: dict[str, object] = {"number": proposal.number, "reason": "proposal.base_changed"}
        events.record(session, kind="proposal.lapsed", subject=proposal.id, body=body, actor=CLOCK, now=now)
        return None
    name = ProposalName(id=proposal.id, number=proposal.number, result_digest=result_digest)
    policy = policies.enact(session, document=document, proposal=name, actor=CLOCK, now=now)
    body = {"number": proposal.number, "epoch": policy.epoch, "version": policy.version}
    events.record(session, kind="proposal.enacted", subject=proposal.id, body=body, actor=CLOCK, now=now)
    return policy


def _changed(proposal: Proposal, base: PolicyDocument) -> PolicyDocument | None:
    """Return the policy with the change, None where its section is not what members saw when they voted."""
    section = str(proposal.change["section"])
    if section_of(base, section) != proposal.before["value"]:
        return None
    try:
        return apply_change(base, section, proposal.change["value"])
    except Invalid:
        return None
