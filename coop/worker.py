"""The worker: claims tasks and runs each in a child that can be killed, with limits of memory and time.

`run` is the process; `python -m coop.worker child ID` is one task. The child keeps its result and closes the task in
one transaction: whatever kills it leaves both or neither. The parent only gives failed attempts back.
"""

import importlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from coop.core.clock import utc_now
from coop.core.db import Database
from coop.core.processes import start_child
from coop.core.settings import Settings
from coop.models.work import Task
from coop.services import tasks

POLL_S = 0.25
TASK_S_MAX = 100.0  # below the lease of a task (120 s), so that no second worker takes what still runs
MEMORY_BYTES_MAX = 2 * 1024**3
ERROR_TAIL_MAX = 1_500
OUTAGE_WAIT_S = 2.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Kind:
    """What a kind of task does: read in one transaction, work outside any, keep the result in a second one."""

    load: Callable[[Session, dict[str, object]], Any]
    work: Callable[[Any], Any]
    store: Callable[[Session, Any, Any, datetime], None]


# kind -> module:attribute of its Kind; loaded in the child only, so that the idle worker stays small
TASKS = {"payout.documents": "coop.worker:payout_documents"}


def payout_documents() -> Kind:
    """Return the task that renders a payout run and its statements."""
    from coop.services import documents

    return Kind(
        load=lambda session, arguments: documents.load(session, str(arguments["run_id"])),
        work=documents.render,
        store=documents.store,
    )


def run(settings: Settings, stop: threading.Event | None = None) -> int:
    """Work until SIGTERM, SIGINT or `stop`. Returns the exit status."""
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    database = Database(settings.database)
    holder = f"{socket.gethostname()}-{os.getpid()}"[:64]
    try:
        while not stop.is_set():
            try:
                has_worked = work_once(database, settings, holder=holder, stop=stop)
            except OperationalError as error:
                log.warning("worker_database_unavailable", error=str(error.orig))
                stop.wait(OUTAGE_WAIT_S)
                continue
            if not has_worked:
                stop.wait(POLL_S)
    finally:
        database.close()
    return 0


def work_once(
    database: Database,
    settings: Settings,
    *,
    holder: str,
    stop: threading.Event,
    kinds: dict[str, str] = TASKS,
    limit_s: float = TASK_S_MAX,
) -> bool:
    """Claim one task and run it in a child. Returns whether there was one."""
    with database.reading() as session:
        open_task = select(Task.id).where(col(Task.state).in_(("waiting", "running")), col(Task.kind).in_(kinds))
        if session.exec(open_task.limit(1)).first() is None:
            return False
    with database.transaction() as session:
        task = tasks.claim(session, holder=holder, kinds=frozenset(kinds), now=utc_now())
    if task is None:
        return False
    log_path = settings.run_home / f"task-{task.id}.log"
    child = start_child(
        [sys.executable, "-m", "coop.worker", "child", task.id, kinds[task.kind]],
        log_path=log_path,
        environment={"COOP_HOME": str(settings.home.resolve()), "COOP_DATABASE_URL": settings.database},
    )
    error = _await_child(child, stop, limit_s)
    if error:
        _give_back(database, task, f"{error}\n{_tail(log_path)}".strip())
    log_path.unlink(missing_ok=True)
    return True


def _await_child(child: subprocess.Popen[bytes], stop: threading.Event, limit_s: float) -> str:
    """Wait for the child; kill it when its time is up or the worker stops. Returns the error, empty when it is done."""
    waited_s = 0.0
    while child.poll() is None:
        if stop.is_set() or waited_s >= limit_s:
            child.kill()
            child.wait()
            return "the worker was stopped" if stop.is_set() else f"not done after {limit_s:g} s"
        try:
            child.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            waited_s += POLL_S
    return "" if child.returncode == 0 else f"the child ended with status {child.returncode}"


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-ERROR_TAIL_MAX:] if path.exists() else ""


def _give_back(database: Database, task: Task, error: str) -> None:
    log.warning("task_failed", task=task.id, kind=task.kind, attempt=task.attempts, error=error)
    with database.transaction() as session:
        tasks.retry(session, task_id=task.id, error=error, now=utc_now())


def run_child(settings: Settings, task_id: str, target: str) -> int:
    """Do one claimed task in this process, under a limit of memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    module, _, attribute = target.partition(":")
    kind: Kind = getattr(importlib.import_module(module), attribute)()
    database = Database(settings.database)
    with database.reading() as session:
        task = session.get(Task, task_id)
        if task is None or task.state != "running":
            return 0
        loaded = kind.load(session, task.arguments)
    result = kind.work(loaded)
    with database.transaction() as session:
        current = session.get(Task, task_id)
        if current is not None and current.state == "running" and current.attempts == task.attempts:
            kind.store(session, loaded, result, utc_now())
            tasks.finish(session, task_id=task_id, now=utc_now())
    database.close()
    return 0


if __name__ == "__main__":
    assert sys.argv[1] == "child", "start the worker by `coop run worker`"
    sys.exit(run_child(Settings(), sys.argv[2], sys.argv[3]))
