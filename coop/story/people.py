"""What people of the story do at their browsers, one function an errand. Field names are those of the pages."""

import re
from dataclasses import dataclass

from coop.story.browser import Browser, StoryFailed, stranger
from coop.story.instance import Instance

PASSWORD = "four words are enough here"  # noqa: S105 -- of a throwaway instance


@dataclass
class Cast:
    """The people and their browsers."""

    gul: Browser
    ada: Browser
    finn: Browser
    bo: Browser

    @property
    def members(self) -> list[Browser]:
        """Return everybody who votes."""
        return [self.gul, self.ada, self.finn, self.bo]


def found(instance: Instance, setup_url: str, browser: type[Browser], voting_s: int) -> Browser:
    """Let Gul open the setup link, found the co-op with periods of seconds, and find the link used up."""
    gul = browser(instance.portal, "Gul Demir")
    gul.open(setup_url)
    gul.submit(
        r"/setup/[\w-]+",
        coop_name="Solar Valley",
        legal_name="Solar Valley Compute Co-op eG",
        currency="EUR",
        timezone="UTC",
        name=gul.who,
        email="gul@story.example",
        password=PASSWORD,
        voting_s=str(voting_s),
        waiting_s="1",
    )
    with stranger(instance.portal) as eve:
        eve.open(setup_url, status=409)
    return gul


def apply_to_join(person: Browser, shares: str = "1") -> None:
    """Send an application through the public form, or one's own when signed in."""
    person.open("/apply")
    first = person.who.split()[0].casefold()
    person.submit("/apply", name=person.who, email=f"{first}@story.example", address="Mill Lane 4", shares=shares)


def approve(gul: Browser, name: str) -> str:
    """Let Gul approve an application; returns the id of the applicant's user."""
    gul.open("/applications")
    gul.open(gul.find(rf'href="(/applications/[0-9a-f]+)">{name}'))
    gul.submit(r"/approve")
    gul.open("/applications")
    gul.open(gul.find(rf'href="(/applications/[0-9a-f]+)">{name}'))
    return gul.find(r"/users/([0-9a-f]+)")


def hand_over_link(gul: Browser, user_id: str, person: Browser) -> None:
    """Let Gul make a sign-in link, and the person use it once and set a password."""
    gul.open(f"/users/{user_id}")
    gul.submit(r"/sign-in-link")
    link = gul.find(r'id="signin-link">([^<]+)<')
    person.open(link)
    person.submit(r"/sign-in/[\w-]+")
    with stranger(person.base_url) as eve:
        eve.open(link, status=410)
    person.open("/me")
    person.submit("/me/password", password=PASSWORD)


def grant(gul: Browser, user_id: str, role: str) -> None:
    """Let Gul grant an office."""
    gul.open(f"/users/{user_id}")
    gul.submit(r"/offices", role=role)


def confirm_payment(ada: Browser, reference: str, amount: str) -> None:
    """Let Ada find a transfer on the bank statement, check it and book it."""
    ada.open("/ledger/payments")
    ada.submit("/ledger/payments/check", reference=reference, amount=amount)
    ada.submit("/ledger/payments/confirm")


def payment_wanted(person: Browser, path: str, kind: str) -> tuple[str, str]:
    """Return reference and amount that a page asks a person to pay."""
    person.open(path)
    reference = person.find(rf"({kind}-[0-9A-Z]{{4}}-[0-9A-Z]{{4}})")
    amount = person.find(r"€\s?([0-9,]+\.[0-9]{2})")
    return reference, amount.replace(",", "")


def join(ada: Browser, person: Browser, shares: str = "1") -> None:
    """Take an approved person into the register: Ada books the payment."""
    reference, amount = payment_wanted(person, "/applications/mine", "A")
    confirm_payment(ada, reference, amount)
    person.open("/shares")
    person.sees(shares)


def make_key(person: Browser) -> str:
    """Make an API key and return its secret, which the page shows once."""
    person.open("/keys/new")
    person.submit("/keys", name="notebook")
    secret = person.find(r'id="key-secret">([^<]+)<')
    if not secret.startswith("alm_"):
        raise StoryFailed(f"{person.who}: the key looks wrong: {secret[:8]}")
    return secret


def invite_machine(gul: Browser, name: str) -> list[str]:
    """Let Gul make the join command for a machine; returns its arguments after `coop`."""
    gul.open("/nodes/new")
    gul.submit("/nodes", node_name=name)
    command = gul.find(r'id="command">([^<]+)<')
    return command.split()[1:]


def plain_text(page: str) -> str:
    """Return the words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
