"""Deciding in the story: propose through the form, vote with a page to check, and wait for the effect."""

from datetime import UTC, datetime, timedelta

from coop.story.browser import Browser, StoryFailed
from coop.story.instance import wait_for


def _open_ballot(author: Browser, section: str, title: str, fields: dict[str, str]) -> int:
    author.open(f"/proposals/new?section={section}")
    filled = {"title": title, "reason": "So that the story has something to decide.", **fields}
    author.submit("/proposals/check", status=200, **filled)
    author.submit("/proposals")
    assert author.page is not None
    return int(author.page.url.path.rsplit("/", 1)[1])


def propose_price(author: Browser, fields: dict[str, str]) -> int:
    """Propose a price; returns the ballot's number."""
    return _open_ballot(author, "price", "A price that pays for the power we use", fields)


def propose_hours(author: Browser) -> int:
    """Propose hours that are long over: one hour, twelve hours ago, so that every request is outside of them."""
    begin = (datetime.now(UTC) - timedelta(hours=12)).hour
    fields = {
        "kind": "hours",
        "timezone": "UTC",
        "days_1": "0,1,2,3,4,5,6",
        "from_1": f"{begin:02}:00",
        "until_1": f"{begin:02}:59",
    }
    return _open_ballot(author, "hours", "Should our machines work one hour a day?", fields)


def vote(voters: list[Browser], number: int, wanted: dict[str, int]) -> None:
    """Let everybody vote; the last one first says the opposite and changes her mind, which counts once."""
    choices = [choice for choice, count in wanted.items() for _ in range(count)]
    for voter, choice in zip(voters, choices, strict=True):
        if voter is voters[-1]:
            _vote(voter, number, "abstain")
        _vote(voter, number, choice)
        voter.find(r"([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})")
    shown = voters[0].json(f"/proposals/{number}")
    if not isinstance(shown["standing"], dict):
        raise StoryFailed(f"the ballot shows no standing: {shown}")


def _vote(voter: Browser, number: int, choice: str) -> None:
    voter.open(f"/proposals/{number}")
    voter.submit(rf"/proposals/{number}/vote/check", choice=choice)
    voter.submit(rf"/proposals/{number}/vote")


def wait_enacted(reader: Browser, number: int) -> None:
    """Wait for close, verdict, waiting period and enactment; all of it happens by itself."""

    def is_enacted() -> bool:
        state = reader.json(f"/proposals/{number}")["state"]
        if state in ("failed", "lapsed"):
            raise StoryFailed(f"ballot {number} {state}")
        return bool(state == "enacted")

    wait_for(f"ballot {number} in force", is_enacted, seconds=60)
