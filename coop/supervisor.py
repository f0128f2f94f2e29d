"""`coop up`: starts, watches and restarts what one machine should run, and stops it cleanly. Decides nothing else."""

import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from coop.core.processes import start_child
from coop.core.settings import Settings

BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 15.0)  # wait before restart number 1, 2, ...; the last one repeats
STEADY_S = 30.0  # a child that lived this long starts again at the first back-off
DRAIN_S = 10.0  # everything is down this long after the signal, by force if need be
POLL_S = 0.1
# Front doors close first, what they need goes last.
STOP_ORDER = (("gateway", "agent"), ("portal", "worker"), ("control",), ("nats",))

log = structlog.get_logger()


@dataclass
class Child:
    """One process under watch. `is_wanted` is asked before every start: the agent runs only once it is enrolled."""

    name: str
    command: list[str]
    is_wanted: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0
    exits: list[int] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        """Say whether the process lives."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Watches children until a signal comes. One thread, no database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.children: dict[str, Child] = {}
        self.is_stopping = False

    def add(self, name: str, *, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Put a process of `coop run` under watch."""
        self.children[name] = Child(name, [sys.executable, "-m", "coop.cli", "run", name], is_wanted)

    def tick(self) -> None:
        """Start what should run and does not, with back-off."""
        now = time.monotonic()
        for child in self.children.values():
            if child.is_running:
                continue
            if child.process is not None:
                self._note_exit(child, now)
            if now >= child.restart_at and child.is_wanted():
                self._start(child, now)

    def _note_exit(self, child: Child, now: float) -> None:
        assert child.process is not None
        status = child.process.returncode
        child.process = None
        child.exits.append(status)
        child.failures = 1 if now - child.started_at > STEADY_S else child.failures + 1
        wait_s = BACKOFF_S[min(child.failures, len(BACKOFF_S)) - 1]
        child.restart_at = now + wait_s
        log.warning("process_ended", process=child.name, status=status, restart_in_s=wait_s)

    def _start(self, child: Child, now: float) -> None:
        child.process = start_child(
            child.command,
            log_path=self.settings.run_home / f"{child.name}.log",
            environment={"COOP_HOME": str(self.settings.home.resolve())},
        )
        child.started_at = now

    def run(self, *, on_tick: Callable[[], None]) -> None:
        """Watch until SIGTERM or SIGINT, then stop everything within DRAIN_S."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            while not self.is_stopping:
                self.tick()
                on_tick()
                time.sleep(POLL_S)
        finally:
            self.stop()

    def _on_signal(self, _number: int, _frame: types.FrameType | None) -> None:
        self.is_stopping = True

    def stop(self) -> None:
        """Ask each group to end, in STOP_ORDER; what has not ended in time is killed."""
        deadline = time.monotonic() + DRAIN_S
        for index, group in enumerate(STOP_ORDER):
            running = [child for name in group if (child := self.children.get(name)) and child.is_running]
            for child in running:
                assert child.process is not None
                child.process.terminate()
            # Later groups keep a fair part of the time: a hanging gateway must not cost control its clean end.
            share = (deadline - time.monotonic()) / (len(STOP_ORDER) - index)
            self._wait(running, time.monotonic() + max(share, 0.2))

    def _wait(self, running: list[Child], until: float) -> None:
        for child in running:
            assert child.process is not None
            try:
                child.process.wait(timeout=max(until - time.monotonic(), 0.05))
            except subprocess.TimeoutExpired:
                log.warning("process_killed", process=child.name)
                child.process.kill()
                child.process.wait()
