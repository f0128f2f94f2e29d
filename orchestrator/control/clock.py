"""The clock: every tick of APScheduler runs the jobs that are due. The rows, not the ticks, decide what runs once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlmodel import Session

from coop.core.errors import Conflict
from coop.schedule import JobSpec
from coop.services import clock_jobs
from orchestrator.control.store import Store

TICK_S = 0.2

log = structlog.get_logger()


class Clock:
    """Runs the jobs as long as this control leads. A failing job is noted and stops no other."""

    def __init__(self, store: Store, jobs: Sequence[JobSpec], *, holder: str, on_effect: Callable[[], None]) -> None:
        names = [job.name for job in jobs]
        assert len(set(names)) == len(names), f"two jobs of the clock share a name: {names}"
        self._store, self._jobs, self._holder, self._on_effect = store, jobs, holder, on_effect
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    async def start(self) -> None:
        """Write the rows that are missing and begin to tick."""
        await self._store.write(self._ensure)
        self._scheduler.add_job(
            self.tick, "interval", seconds=TICK_S, max_instances=1, coalesce=True, misfire_grace_time=None
        )
        self._scheduler.start()

    def stop(self) -> None:
        """Tick no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def tick(self) -> None:
        """Run what is due, one job after the other, each in its own transaction."""
        due = await self._store.read(clock_jobs.list_due)
        for job in self._jobs:
            if job.name in due:
                await self._run(job)

    def _ensure(self, session: Session, now: datetime) -> None:
        for job in self._jobs:
            clock_jobs.ensure(session, name=job.name, now=now)

    async def _run(self, job: JobSpec) -> None:
        every = timedelta(seconds=job.every_s)

        def act(session: Session, now: datetime) -> bool:
            return clock_jobs.run_due(session, name=job.name, every=every, work=job.run, holder=self._holder, now=now)

        try:
            if await self._store.write(act):
                self._on_effect()
        except Conflict as error:
            log.warning("job_not_run", job=job.name, error=str(error))
            if error.code != "control.not_leader":
                await self._note(job, every, str(error))
        except Exception as error:
            log.exception("job_failed", job=job.name)
            await self._note(job, every, f"{type(error).__name__}: {error}")

    async def _note(self, job: JobSpec, every: timedelta, message: str) -> None:
        def note(session: Session, now: datetime) -> None:
            clock_jobs.note_failure(session, name=job.name, every=every, holder=self._holder, error=message, now=now)

        await self._store.write(note)
