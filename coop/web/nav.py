"""The menu: a few words on top, and below them the pages of the chosen section. Only what the reader may open is
shown.
"""

from dataclasses import dataclass

from coop.core.actor import Actor, Role
from coop.core.sentences import N_

MEMBER = "member"
SIGNED_IN = "signed_in"
EVERYBODY = "everybody"


@dataclass(frozen=True)
class NavLink:
    """A page of a section. `who` is a role, or one of MEMBER, SIGNED_IN, EVERYBODY; several mean any of them."""

    path: str
    label: str
    who: tuple[str, ...] = (SIGNED_IN,)


@dataclass(frozen=True)
class NavItem:
    """A section for one reader: its links, and whether the reader is in it."""

    path: str
    label: str
    is_current: bool
    links: tuple[NavLink, ...]


TREASURY = (Role.TREASURER, Role.APPROVER, Role.AUDITOR)

# Section -> its pages. The first one that the reader may open is where the section's word leads.
SECTIONS: tuple[tuple[str, tuple[NavLink, ...]], ...] = (
    (N_("Home"), (NavLink("/", N_("Home")),)),
    (N_("Ballots"), (NavLink("/proposals", N_("Ballots")), NavLink("/policies", N_("Policy"), (EVERYBODY,)))),
    (
        N_("Money"),
        (
            NavLink("/shares", N_("Shares"), (MEMBER,)),
            NavLink("/credits", N_("Credit"), (MEMBER,)),
            NavLink("/payouts/mine", N_("Payouts"), (MEMBER,)),
        ),
    ),
    (N_("Usage"), (NavLink("/usage", N_("Usage"), (MEMBER,)), NavLink("/keys", N_("API keys"), (MEMBER,)))),
    (
        N_("Treasury"),
        (
            NavLink("/periods", N_("Periods"), TREASURY),
            NavLink("/payouts", N_("Payout runs"), TREASURY),
            NavLink("/ledger", N_("Ledger"), TREASURY),
            NavLink("/ledger/payments", N_("Expected payments"), (Role.TREASURER, Role.AUDITOR)),
        ),
    ),
    (N_("Machines"), (NavLink("/nodes", N_("Machines")),)),
    (
        N_("Co-op"),
        (
            NavLink("/members", N_("Members"), (MEMBER, *Role)),
            NavLink("/applications", N_("Applications"), (Role.ADMIN, Role.AUDITOR)),
            NavLink("/users", N_("Users"), (Role.ADMIN,)),
            NavLink("/log", N_("Log"), (EVERYBODY,)),
        ),
    ),
)


def may_open(link: NavLink, actor: Actor) -> bool:
    """Say whether the actor is one of those a link is for."""
    words = {EVERYBODY}
    if actor.user_id is not None:
        words.add(SIGNED_IN)
    if actor.member_id is not None:
        words.add(MEMBER)
    return bool(words.intersection(link.who)) or any(role in link.who for role in actor.roles)


def _is_in(path: str, links: tuple[NavLink, ...]) -> bool:
    return any(path == link.path or (link.path != "/" and path.startswith(f"{link.path}/")) for link in links)


def items_for(actor: Actor, path: str) -> list[NavItem]:
    """Return the menu of one reader."""
    items = []
    for label, links in SECTIONS:
        open_links = tuple(link for link in links if may_open(link, actor))
        if open_links:
            shown = label if open_links[0] == links[0] else open_links[0].label
            items.append(NavItem(open_links[0].path, shown, _is_in(path, open_links), open_links))
    return items
