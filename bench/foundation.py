"""Figures of the foundation: start, enforcement, the agent at rest, and pages of the demo. On a demo instance of its own."""

import json
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from coop.story.browser import Browser
from coop.story.instance import Instance, wait_for

STARTS = 3
IDLE_S = 20.0
PAGE_ROUNDS = 15
ENACTMENTS = 20
PAGES = {
    "Bo Lindqvist": ("/", "/proposals", "/shares", "/credits", "/usage", "/keys", "/members", "/log"),
    "Ada Moreau": ("/", "/ledger", "/periods", "/payouts"),
    "Gul Demir": ("/", "/nodes", "/users", "/applications"),
}


def measure() -> dict[str, float]:
    """Return the figures by their stable keys."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(Path(folder) / "home")
        instance.coop("demo")
        figures = {"up_ready_s": _starts(instance)}
        output = instance.start()
        try:
            wait_for("the local machine obeys", lambda: _obeys(instance), seconds=30)
            figures["enforce_s"] = _enforce(instance)
            figures.update(_agent_at_rest(instance))
            figures["page_median_ms"] = _pages(instance, output)
        finally:
            instance.stop()
            shutil.rmtree(instance.home, ignore_errors=True)
    return figures


def _starts(instance: Instance) -> float:
    """Start and stop a few times; the worst counts."""
    seconds = []
    for _ in range(STARTS):
        instance.output.unlink(missing_ok=True)
        started = time.monotonic()
        instance.start()
        seconds.append(time.monotonic() - started)
        instance.stop()
    instance.output.unlink(missing_ok=True)
    return round(max(seconds), 3)


def _obeys(instance: Instance) -> bool:
    listed = json.loads(instance.coop("node", "list", "--json"))
    policy = json.loads(instance.coop("policy", "list", "--json"))[0]
    return any(row["name"] == "barn-1" and row["obeys"] == f"{policy['epoch']}.{policy['version']}" for row in listed)


def _enforce(instance: Instance) -> float:
    """Enact policies that close the machines, and ask the machine directly until it refuses; worst of ENACTMENTS."""
    from bench.enforcement import worst_of

    return round(worst_of(instance, ENACTMENTS), 3)


def _agent_at_rest(instance: Instance) -> dict[str, float]:
    """Return memory and share of one core of the agent itself; its runtimes are children and not counted."""
    assert instance.process is not None
    agents = [child for child in psutil.Process(instance.process.pid).children() if child.cmdline()[-1:] == ["agent"]]
    process = agents[0]
    before = process.cpu_times()
    time.sleep(IDLE_S)
    after = process.cpu_times()
    share = (after.user + after.system - before.user - before.system) / IDLE_S
    return {"agent_rss_mb": round(process.memory_info().rss / 1e6, 1), "agent_cpu_share": round(share, 4)}


def _pages(instance: Instance, output: str) -> float:
    """Open the pages of three people again and again; the median over all."""
    elapsed: list[float] = []
    for who, paths in PAGES.items():
        found = re.search(rf"{who} .*?(http\S+)", output)
        assert found, output
        browser = Browser(instance.portal, who)
        browser.open(found.group(1))
        browser.submit(r"/sign-in/[\w-]+")
        for _ in range(PAGE_ROUNDS):
            for path in paths:
                started = time.perf_counter()
                browser.open(path)
                elapsed.append((time.perf_counter() - started) * 1_000)
    return round(statistics.median(elapsed), 1)
