"""The worker: a task is done once, in a child that may be killed at any moment."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from coop import worker
from coop.core.db import Database
from coop.core.settings import Settings
from coop.models.work import StoredDocument, Task
from coop.services import tasks
from tests import treasury as books

HANG = {"test.hang": "tests.coop.worker_kinds:hang"}
FAIL = {"test.fail": "tests.coop.worker_kinds:fail"}
GREEDY = {"test.greedy": "tests.coop.worker_kinds:greedy"}


def settings_of(database: Database, home: Path) -> Settings:
    return Settings(home=home, database_url=database.engine.url.render_as_string(hide_password=False))


def put(database: Database, kind: str) -> str:
    with database.transaction() as session:
        return tasks.put(session, kind=kind, dedupe_key=kind, arguments={}, now=datetime.now(UTC)).id


def work(
    database: Database, home: Path, kinds: dict[str, str] = worker.TASKS, limit_s: float = 60.0, stop: bool = False
) -> bool:
    event = threading.Event()
    if stop:
        threading.Timer(0.3, event.set).start()
    return worker.work_once(
        database, settings_of(database, home), holder="test", stop=event, kinds=kinds, limit_s=limit_s
    )


def one(session: Session, task_id: str) -> Task:
    task = session.get(Task, task_id)
    assert task is not None
    return task


@pytest.mark.slow
def test_an_approved_run_gets_its_documents_once(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        people, run_id = books.prepared(session)
        books.sign(session, run_id, people.finn)
    assert work(database, tmp_path)
    assert not work(database, tmp_path)
    with database.reading() as session:
        task = session.exec(select(Task)).one()
        assert (task.state, task.attempts, task.error) == ("done", 1, "")
        names = list(session.exec(select(StoredDocument.name).order_by(col(StoredDocument.name))))
    assert names == ["payout-run-PR-2026-01.pdf", *(f"statement-2026-01-{number:04d}.pdf" for number in range(1, 6))]


def test_a_child_that_takes_too_long_is_killed_and_the_task_waits_again(sqlite: Database, tmp_path: Path) -> None:
    task_id = put(sqlite, "test.hang")
    started = time.monotonic()
    assert work(sqlite, tmp_path, HANG, limit_s=0.5)
    assert time.monotonic() - started < 10
    with sqlite.reading() as session:
        task = one(session, task_id)
        assert (task.state, task.attempts, task.leased_until) == ("waiting", 1, None)
        assert "not done after" in task.error


def test_a_stopping_worker_gives_its_task_back(sqlite: Database, tmp_path: Path) -> None:
    task_id = put(sqlite, "test.hang")
    assert work(sqlite, tmp_path, HANG, stop=True)
    with sqlite.reading() as session:
        assert one(session, task_id).state == "waiting"


def test_a_failing_task_says_why_and_gives_up_after_three_tries(sqlite: Database, tmp_path: Path) -> None:
    task_id = put(sqlite, "test.fail")
    for state in ("waiting", "waiting", "failed"):
        assert work(sqlite, tmp_path, FAIL)
        with sqlite.reading() as session:
            task = one(session, task_id)
            assert task.state == state
            assert "no paper left" in task.error
    assert not work(sqlite, tmp_path, FAIL)


def test_a_child_cannot_take_all_memory(sqlite: Database, tmp_path: Path) -> None:
    task_id = put(sqlite, "test.greedy")
    assert work(sqlite, tmp_path, GREEDY)
    with sqlite.reading() as session:
        assert "MemoryError" in one(session, task_id).error


def test_the_worker_stops_when_asked(sqlite: Database, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert worker.run(settings_of(sqlite, tmp_path), stop) == 0
