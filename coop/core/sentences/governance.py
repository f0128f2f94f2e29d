"""Sentences about proposals, ballots and verdicts."""

from coop.core.sentences.marker import N_

SENTENCES: dict[str, str] = {
    "proposal.not_found": N_("There is no such proposal."),
    "proposal.title_too_long": N_("Use at most 120 characters for the question."),
    "proposal.reason_too_long": N_("Use at most 4,000 characters for the reason."),
    "proposal.too_many_open": N_("You have {limit} open ballots. When one of them closes, you can propose the next."),
    "proposal.base_changed": N_(
        "It passed, but another decision changed the same rule before it came into force. Members voted on another "
        "difference, so it lapsed. It can be proposed again."
    ),
    "ballot.not_found": N_("There is no such ballot."),
    "ballot.nobody_entitled": N_("Nobody is entitled to vote yet. The first member has to join before a ballot."),
    "ballot.closed": N_("This ballot closed on {closed_at}, so your vote was not taken. Its result is on its page."),
    "ballot.not_entitled": N_(
        "You were not a member when this ballot opened, so you cannot vote in it. The next ballot counts you in."
    ),
    "ballot.no_vote": N_("You have not voted in this ballot."),
    "ballot.not_counted": N_("This ballot is not counted yet. The result is there after the close."),
    "verdict.passed": N_("Passed"),
    "verdict.no_quorum": N_("Not passed: too few took part"),
    "verdict.undecided": N_("Not passed: nobody voted yes or no"),
    "verdict.no_majority": N_("Not passed: not enough yes"),
    "done.voted": N_("Your vote is stored."),
    "done.proposed": N_("The ballot is open."),
}
