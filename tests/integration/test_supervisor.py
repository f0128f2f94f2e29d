"""`coop up`: one lock per folder, restarts with back-off, a clean stop, and no child that outlives it."""

import os
import signal
import time

import psutil
import pytest

from coop.story.instance import Instance, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("instances")]


def children_of(instance: Instance) -> dict[str, psutil.Process]:
    """The supervised processes by their name after `coop run`, and nats-server."""
    assert instance.process is not None
    found = {}
    for child in psutil.Process(instance.process.pid).children():
        if child.status() == psutil.STATUS_ZOMBIE:  # killed, and not yet noticed by the supervisor
            continue
        words = child.cmdline()
        found[words[-1] if "coop.cli" in words else "nats"] = child
    return found


def test_one_instance_per_folder_and_nothing_outlives_it(instance: Instance) -> None:
    instance.start()
    assert set(children_of(instance)) == {"nats", "control", "portal", "worker", "gateway"}
    refused = instance.coop("up", expect=1)
    assert "Ready" not in refused

    whole_tree = psutil.Process(instance.process.pid).children(recursive=True)  # type: ignore[union-attr]
    os.kill(instance.process.pid, signal.SIGKILL)  # type: ignore[union-attr]
    instance.process.wait()  # type: ignore[union-attr]
    _gone, alive = psutil.wait_procs(whole_tree, timeout=10)
    assert not alive, [process.cmdline() for process in alive]


def test_killed_processes_come_back_and_a_stop_is_clean(instance: Instance) -> None:
    instance.start()
    before = children_of(instance)
    for process in before.values():
        process.kill()
    wait_for("all processes again", lambda: set(children_of(instance)) == set(before), seconds=20)
    assert not {p.pid for p in before.values()} & {p.pid for p in children_of(instance).values()}

    whole_tree = psutil.Process(instance.process.pid).children(recursive=True)  # type: ignore[union-attr]
    started = time.monotonic()
    instance.process.terminate()  # type: ignore[union-attr]
    assert instance.process.wait(timeout=15) == 0  # type: ignore[union-attr]
    assert time.monotonic() - started < 11
    _gone, alive = psutil.wait_procs(whole_tree, timeout=1)
    assert not alive
