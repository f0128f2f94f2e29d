"""The chain in order: each chapter acts, checks what must hold, and says in a sentence what it proved."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from coop.story import decisions, people
from coop.story.browser import Browser, StoryFailed, stranger
from coop.story.instance import Instance, call_api, wait_for
from coop.story.people import Cast

NODE = "barn-1"
MODEL = "wordllama-256"
TEXTS = ["The commons belongs to those who tend it.", "Wer das Feld bestellt, entscheidet.", "A share is a promise."]


@dataclass
class Story:
    """What the chapters share."""

    instance: Instance
    out: Path
    machines: Path
    browser: type[Browser] = Browser
    voting_s: int = 6
    cast: Cast | None = None
    key: str = ""
    agent_home: Path = field(default_factory=Path)
    spent: int = 0

    @property
    def people(self) -> Cast:
        """Return the cast, once it is there."""
        assert self.cast is not None
        return self.cast

    def end(self) -> None:
        """Stop the instance and close the browsers."""
        self.instance.stop()
        for person in self.cast.members if self.cast else ():
            person.close()


def start(story: Story) -> str:
    """Start `coop up` on an empty folder."""
    output = story.instance.start()
    setup_url = re.search(r"(http\S+/setup/\S+)", output)
    if not setup_url:
        raise StoryFailed(f"`coop up` printed no setup link:\n{output}")
    gul = people.found(story.instance, setup_url.group(1), story.browser, story.voting_s)
    portal = story.instance.portal
    story.cast = Cast(gul, *(story.browser(portal, name) for name in ("Ada Moreau", "Finn Albers", "Bo Lindqvist")))
    ready_s = story.instance.up_state()["ready_s"]
    return f"six processes were ready in {ready_s} s; the setup link made one admin and is used up"


def join(story: Story) -> str:
    """Apply, approve, hand over links, grant offices, pay, and stand in the register."""
    cast = story.people
    users: dict[str, str] = {}
    for person in cast.members:
        people.apply_to_join(person, shares="4.5" if person is cast.bo else "1")
    with stranger(story.instance.portal) as eve:
        eve.open("/apply")
        eve.submit("/apply", status=409, name="Eve", email="bo@story.example", shares="1")
        eve.open("/apply")
        eve.submit("/apply", status=422, name="Eve", email="eve@story.example", shares="-1")
    for person in cast.members:
        users[person.who] = people.approve(cast.gul, person.who)
        if person is not cast.gul:
            people.hand_over_link(cast.gul, users[person.who], person)
    people.grant(cast.gul, users[cast.ada.who], "treasurer")
    people.grant(cast.gul, users[cast.finn.who], "approver")
    for person in cast.members:
        people.join(cast.ada, person, "4.5" if person is cast.bo else "1")
    register = json.loads(story.instance.coop("member", "list", "--json"))
    if [row["number"] for row in register] != [1, 2, 3, 4]:
        raise StoryFailed(f"the register is not 1 to 4: {register}")
    return "four people applied, paid by reference and stand in the register as 1 to 4; a duplicate address and a share of -1 were refused"


def enrol(story: Story) -> str:
    """Enrol a machine with one copied command, approve it, and see it obey."""
    gul = story.people.gul
    arguments = people.invite_machine(gul, NODE)
    story.agent_home = story.machines / "machine"
    story.instance.coop(*arguments, "--home", str(story.agent_home))
    story.instance.coop(*arguments, "--home", str(story.machines / "thief"), expect=1)
    story.instance.start_agent(story.agent_home)
    gul.open("/nodes")
    gul.open(gul.find(rf'href="(/nodes/[0-9a-f]+)">{NODE}'))
    gul.submit(r"/approve")
    seconds = wait_for("the machine obeys the policy", lambda: obeyed(story) == "1.1")
    return f"the code let one machine in, once; approved, it fetched, verified and obeyed policy 1.1 in {seconds:.1f} s"


def obeyed(story: Story) -> str:
    """Return the (epoch.version) that the machine obeys, as the portal knows it."""
    rows: Any = story.people.gul.json("/nodes")
    return next((str(row["policy"]) for row in rows if row["name"] == NODE), "")


def ask(story: Story, **changes: Any) -> tuple[int, dict[str, Any]]:
    """Send one embeddings request with Bo's key."""
    body = {"model": MODEL, "input": TEXTS, **changes}
    return call_api(f"{story.instance.api}/embeddings", story.key, body)


def served(story: Story) -> bool:
    """Say whether the API answers with vectors now; counts what it cost."""
    status, answer = ask(story)
    if status == 200:
        story.spent += 1
    return status == 200 and len(answer["data"]) == len(TEXTS)


def serve(story: Story) -> str:
    """Pay in credit, make a key, and get real vectors; bad requests get clear answers."""
    cast = story.people
    story.key = people.make_key(cast.bo)
    wait_for("the API asks for credit", lambda: ask(story)[0] == 402)
    cast.bo.open("/credits/new")
    cast.bo.submit("/credits", amount="5.00")
    reference = cast.bo.find(r"(C-[0-9A-Z]{4}-[0-9A-Z]{4})")
    people.confirm_payment(cast.ada, reference, "5.00")
    wait_for("the API answers with vectors", lambda: served(story), seconds=15)
    status, answer = ask(story)
    story.spent += 1
    expect(status == 200, f"embeddings answered {status}: {answer}")
    wait_for("the receipts are in", lambda: answer_tokens(story) > 0)
    size = len(answer["data"][0]["embedding"])
    expect(size == 256, f"vectors have {size} dimensions, not 256")
    for wanted, changes in ((404, {"model": "nobody-serves-this"}), (400, {"input": []})):
        status, answer = ask(story, **changes)
        expect(status == wanted and "message" in answer["error"], f"{changes} answered {status}: {answer}")
    status, answer = call_api(f"{story.instance.api}/embeddings", "alm_wrong", {"model": MODEL, "input": "x"})
    expect(status == 401, f"a wrong key answered {status}")
    return f"real {size}-dimensional vectors by the OpenAI protocol for {answer_tokens(story)} tokens; no credit, model or key: refused"


def answer_tokens(story: Story) -> int:
    """Return the tokens Bo used, by his usage page."""
    return int(str(story.people.bo.json("/usage")["tokens"]))


def expect(is_true: bool, message: str) -> None:
    """Fail the story with a message unless a thing is true."""
    if not is_true:
        raise StoryFailed(message)


def decide_price(story: Story) -> str:
    """Vote a new price, see it signed and obeyed, and pay it."""
    value = {"default": "2.00", "floor": "0.01", "ceiling": "5.00"}
    number = decisions.propose_price(story.people.ada, value)
    decisions.vote(story.people.members, number, {"yes": 3, "no": 1})
    decisions.wait_enacted(story.people.bo, number)
    seconds = wait_for("the machine obeys the new price", lambda: obeyed(story) == "1.2")
    before = answer_tokens(story), int(str(story.people.bo.json("/usage")["cost_nano"]))
    wait_for("the API answers again", lambda: served(story), seconds=15)
    wait_for("the receipt is in", lambda: answer_tokens(story) > before[0], seconds=15)
    tokens = answer_tokens(story) - before[0]
    cost = int(str(story.people.bo.json("/usage")["cost_nano"])) - before[1]
    expect(cost == tokens * 2_000, f"{tokens} tokens at 2.00 a million cost {cost} nano, not {tokens * 2_000}")
    return f"3 of 4 voted yes, it took effect by itself {seconds:.1f} s after enactment, and {tokens} tokens cost exactly {cost} nano"


def fill_books(story: Story) -> str:
    """Use the grid for something worth sharing out, and see every receipt once and doubly signed."""
    text = "a commons is tended by many hands " * 200
    for _ in range(8):
        status, answer = ask(story, input=[f"{index} {text}" for index in range(64)])
        expect(status == 200, f"a batch answered {status}: {answer}")
        story.spent += 1

    def are_complete() -> bool:
        usage = story.people.bo.json("/usage")
        found: Any = usage["receipts"]
        return len(found) == story.spent and all(row["state"] == "complete" for row in found)

    wait_for(f"{story.spent} complete receipts", are_complete, seconds=20)
    usage = story.people.bo.json("/usage")
    receipts: Any = usage["receipts"]
    lines = [json.dumps(row, sort_keys=True) for row in receipts]
    (story.out / "receipts.jsonl").write_text("\n".join(lines) + "\n")
    return f"{len(lines)} requests made {len(lines)} receipts, each signed by machine and gateway, {usage['cost_nano']} nano in all"


def decide_hours(story: Story) -> str:
    """Vote hours that end now: the gateway refuses and the machine refuses by itself, even after kill -9."""
    number = decisions.propose_hours(story.people.gul)
    decisions.vote(story.people.members, number, {"yes": 4})
    decisions.wait_enacted(story.people.bo, number)
    wait_for("the machine obeys the hours", lambda: obeyed(story) == "1.3")
    status, answer = ask(story)
    message = str(answer["error"]["message"]) if status != 200 else ""
    expect(status == 403 and "hours" in json.dumps(answer), f"the gateway should refuse by hours: {status} {answer}")
    expect(str(number) in message, f"the refusal names ballot {number}: {message}")
    first = ask_machine(story)
    story.instance.agents[-1].kill()
    story.instance.agents[-1].wait()
    story.instance.start_agent(story.agent_home)
    again = wait_refusal(story)
    expect(first["code"] == again["code"], f"before {first}, after {again}")
    return f"gateway and machine refuse, naming clause and ballot: “{message}”; killed and started again the machine still obeys"


def ask_machine(story: Story) -> dict[str, Any]:
    """Ask the machine directly, past the gateway; it must refuse by the policy."""
    printed = story.instance.coop("node", "ask", NODE, "--model", MODEL, "--price-micro", "2000000", expect=1)
    answer: dict[str, Any] = json.loads(printed)
    expect("hours" in json.dumps(answer), f"the machine should refuse by hours: {answer}")
    return answer


def wait_refusal(story: Story) -> dict[str, Any]:
    """Wait until the machine is back and refuses."""
    found: list[dict[str, Any]] = []

    def is_back() -> bool:
        try:
            found.append(ask_machine(story))
        except StoryFailed:
            return False
        return True

    wait_for("the machine is back and refuses", is_back)
    return found[-1]


def close(story: Story) -> str:
    """Close the period step by step up to a prepared payout run."""
    ada = story.people.ada
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    ada.open("/periods/new")
    ada.submit("/periods", name="The first days", ends_at=end.strftime("%Y-%m-%dT%H:%M:%S"))
    path = ada.page.url.path if ada.page is not None else ""
    time.sleep(max((end - datetime.now(UTC)).total_seconds(), 0) + 0.1)
    ada.open(path)
    ada.submit(r"/usage")
    ada.submit(r"/costs", text="Electricity", amount="0.01")
    ada.submit(r"/costs/complete")
    ada.submit(r"/distribution")
    ada.submit(r"/payouts")
    ada.open(path)
    return "usage, costs, result and run followed in this order, and no step could be skipped"


def pay(story: Story) -> str:
    """Sign with four eyes, make the documents, pay, and find the books at zero."""
    cast = story.people
    runs = json.loads(story.instance.coop("payout", "list", "--json"))
    cast.ada.open("/payouts")
    run_path = cast.ada.link(r"/payouts/[0-9a-f]{32}")
    refused = cast.ada.status(f"{run_path}/approval")
    expect(refused == 403, f"Ada prepared the run and may not sign it: {refused}")
    cast.finn.open(f"{run_path}/approval")
    cast.finn.submit(r"/approval")
    wait_for(
        "the documents",
        lambda: "document" in cast.finn.open(run_path).text and bool(documents(cast.finn, run_path)),
        seconds=40,
    )
    (story.out / "payout-run.pdf").write_bytes(cast.finn.bytes(f"{run_path}/document"))
    statements = save_statements(story)
    cast.ada.open(f"{run_path}/payment")
    cast.ada.submit(r"/payment")
    balance = json.loads(story.instance.coop("ledger", "balance", "--json"))
    owed = {
        row["account"]: row["balance"] for row in balance if row["account"] in ("provider_payable", "surplus_payable")
    }
    expect(all(float(value) == 0 for value in owed.values()), f"after payment something is still owed: {owed}")
    expect(
        abs(sum(round(float(row["balance"]) * 100) for row in balance)) == 0,
        f"the trial balance is not zero: {balance}",
    )
    return f"{runs[0]['number']} over {runs[0]['total']} EUR signed by Finn, not Ada; {statements} statements; paid, the books are at zero"


def documents(reader: Browser, run_path: str) -> dict[str, str]:
    """Return the documents of a run by name."""
    found: Any = reader.json(run_path)["documents"]
    return dict(found)


def save_statements(story: Story) -> int:
    """Let every member download her statement."""
    count = 0
    for person in story.people.members:
        for row in person.rows("/payouts/mine"):
            data = person.bytes(f"/payouts/statements/{row['id']}/document")
            expect(data.startswith(b"%PDF"), f"the statement of {person.who} is no PDF")
            (story.out / f"statement-{person.who.split()[0].casefold()}.pdf").write_bytes(data)
            count += 1
    expect(count > 0, "nobody got a statement")
    return count


def verify(story: Story) -> str:
    """Take the artefacts away and verify them offline."""
    out = story.out
    story.instance.coop("policy", "export", str(out / "policy-bundle.json"))
    story.instance.coop("ledger", "export", str(out / "ledger.csv"))
    story.instance.coop("ledger", "verify")

    def has_head() -> bool:
        heads: Any = story.people.bo.json("/log")["heads"]
        return bool(heads)

    wait_for("a signed head of the log", has_head, seconds=20)
    heads: Any = story.people.bo.json("/log")["heads"]
    (out / "log-head.json").write_text(json.dumps(heads[0], indent=2) + "\n")
    for name in ("policy-bundle.json", "log-head.json", "receipts.jsonl"):
        story.instance.coop("verify", str(out / name))
    bundle = json.loads((out / "policy-bundle.json").read_text())
    bundle["policy"]["price"]["default_micro"] = 1
    (out / "forged.json").write_text(json.dumps(bundle))
    story.instance.coop("verify", str(out / "forged.json"), expect=3)
    (out / "forged.json").unlink()
    return (
        f"bundle, receipts and the log's head over {heads[0]['size']} events verify offline; a forged bundle does not"
    )


CHAPTERS: tuple[tuple[str, Callable[[Story], str]], ...] = (
    ("start and found", start),
    ("join", join),
    ("enrol a machine", enrol),
    ("serve", serve),
    ("decide a price", decide_price),
    ("receipts", fill_books),
    ("decide hours", decide_hours),
    ("close the period", close),
    ("sign and pay", pay),
    ("verify", verify),
)
