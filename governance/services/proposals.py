"""Proposals: a member's wish to change a section of the policy. It opens as a ballot at once."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from coop.core.actor import Actor
from coop.core.errors import Conflict, Invalid, NotFound
from coop.core.policy.differences import Change, list_changes, list_same
from coop.core.policy.schema import PolicyDocument, apply_change, section_of
from coop.models.base import NAME_MAX, TEXT_MAX
from coop.services import cooperatives, events, policies
from governance.models.proposals import Ballot, Proposal
from governance.services import ballots

OPEN_PER_MEMBER_MAX = 5
LIST_MAX = 100


@dataclass(frozen=True)
class Draft:
    """What a proposal would change, against the policy in force."""

    section: str
    before: PolicyDocument
    after: PolicyDocument
    changes: list[Change]
    same: list[str]
    version: int


def draft(session: Session, *, section: str, value: object, now: datetime) -> Draft:
    """Return what a change would do. Raises Invalid where it cannot be read or changes nothing."""
    policy = policies.in_force(session, now)
    before = policies.document_of(policy)
    after = apply_change(before, section, value)
    changes = list_changes(before, after)
    if not changes:
        raise Invalid("policy.nothing_changes")
    return Draft(section, before, after, changes, list_same(before, after), policy.version)


def documents_of(proposal: Proposal, base: PolicyDocument) -> tuple[PolicyDocument, PolicyDocument]:
    """Return the policy before and after a proposal, on top of `base` for the section it does not touch."""
    section = str(proposal.change["section"])
    before = apply_change(base, section, proposal.before["value"])
    return before, apply_change(base, section, proposal.change["value"])


def propose(
    session: Session, *, actor: Actor, title: str, reason: str, section: str, value: object, now: datetime
) -> Proposal:
    """Propose a section's new value (None takes `hours` away) and open the ballot.

    Raises Forbidden for others than members, Invalid for what cannot be read, Conflict for too many at once.
    """
    author_id = actor.require_member()
    fields = {}
    if not 0 < len(title.strip()) <= NAME_MAX:
        fields["title"] = "form.required" if not title.strip() else "proposal.title_too_long"
    if len(reason) > TEXT_MAX:
        fields["reason"] = "proposal.reason_too_long"
    if fields:
        raise Invalid(fields=fields)
    cooperatives.lock(session)  # one number after the other
    _require_room(session, author_id)
    drafted = draft(session, section=section, value=value, now=now)
    number = (session.exec(select(func.max(Proposal.number))).one() or 0) + 1
    proposal = Proposal(
        number=number,
        title=title.strip(),
        reason=reason.strip(),
        change={"section": section, "value": section_of(drafted.after, section)},
        before={"section": section, "value": section_of(drafted.before, section), "version": drafted.version},
        author_id=author_id,
        created_at=now,
    )
    session.add(proposal)
    session.flush()
    body: dict[str, object] = {"number": number, "change": proposal.change, "author_id": author_id}
    events.record(session, kind="proposal.opened", subject=proposal.id, body=body, actor=actor, now=now)
    ballots.open_ballot(session, proposal=proposal, actor=actor, now=now)
    return proposal


def _require_room(session: Session, author_id: str) -> None:
    statement = select(func.count()).select_from(Proposal)
    count = session.exec(statement.where(Proposal.author_id == author_id, Proposal.state == "ballot")).one()
    if count >= OPEN_PER_MEMBER_MAX:
        raise Conflict("proposal.too_many_open", limit=OPEN_PER_MEMBER_MAX)


def get(session: Session, number: int) -> tuple[Proposal, Ballot]:
    """Return a proposal by its number, with its ballot. Raises NotFound."""
    found = session.exec(
        select(Proposal, Ballot).join(Ballot, col(Ballot.proposal_id) == Proposal.id).where(Proposal.number == number)
    ).first()
    if found is None:
        raise NotFound("proposal.not_found")
    return found[0], found[1]


def list_open(session: Session) -> list[tuple[Proposal, Ballot]]:
    """Return proposals whose ballot is open, the one that closes first before the others."""
    statement = select(Proposal, Ballot).join(Ballot, col(Ballot.proposal_id) == Proposal.id)
    rows = session.exec(statement.where(Proposal.state == "ballot").order_by(col(Ballot.closes_at)).limit(LIST_MAX))
    return [(proposal, ballot) for proposal, ballot in rows]


def list_decided(session: Session) -> list[tuple[Proposal, Ballot]]:
    """Return proposals whose ballot was counted, newest first."""
    statement = select(Proposal, Ballot).join(Ballot, col(Ballot.proposal_id) == Proposal.id)
    rows = session.exec(
        statement.where(Proposal.state != "ballot").order_by(col(Proposal.number).desc()).limit(LIST_MAX)
    )
    return [(proposal, ballot) for proposal, ballot in rows]
