"""Keeps one runtime alive as a child process: one question at a time, restarted with growing pauses when it ends."""

import asyncio
import contextlib
import os
import sys
import time
from typing import Any

import structlog

from coop.core.errors import Unavailable
from orchestrator.agent.runtimes.frames import FRAME_BYTES_MAX, pack, read_async

ANSWER_WITHIN_S = 20.0
LOAD_WITHIN_S = 60.0
PAUSE_LEAST_S, PAUSE_MOST_S = 0.25, 30.0
STEADY_AFTER_S = 60.0  # a child that lived this long starts with the least pause again
# One thread for the mathematics: the runtime shares its machine with its owner.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

log = structlog.get_logger()


class RuntimeChild:
    """A runtime's process. `keep_running` is a task of the agent; `ask` is called by its jobs."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def is_ready(self) -> bool:
        """Say whether the model is loaded and answers."""
        return self._ready.is_set()

    @property
    def pid(self) -> int | None:
        """Return the child's process id while it lives."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def wait_ready(self, timeout_s: float = LOAD_WITHIN_S) -> None:
        """Wait until the model is loaded. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            await self._ready.wait()

    async def keep_running(self) -> None:
        """Start the child and start it again whenever it ends, until cancelled."""
        pause_s = PAUSE_LEAST_S
        try:
            while True:
                started = time.monotonic()
                await self._run_once()
                if time.monotonic() - started > STEADY_AFTER_S:
                    pause_s = PAUSE_LEAST_S
                log.warning("runtime_stopped", module=self._module, again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_MOST_S)
        finally:
            await self._stop()

    async def _run_once(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT},
            limit=FRAME_BYTES_MAX,
        )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(LOAD_WITHIN_S):
                await read_async(self._process.stdout)
            self._ready.set()
            await self._process.wait()
        except (EOFError, TimeoutError):
            await self._stop()
        finally:
            self._ready.clear()

    async def _stop(self) -> None:
        self._ready.clear()
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def ask(self, document: dict[str, Any]) -> dict[str, Any]:
        """Ask the runtime. Raises Unavailable when it is not there or too slow; then it is started anew."""
        async with self._turn:
            process = self._process
            if process is None or not self._ready.is_set():
                raise Unavailable("runtime.stopped")
            assert process.stdin is not None
            assert process.stdout is not None
            is_answered = False
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    process.stdin.write(pack(document))
                    await process.stdin.drain()
                    answer = await read_async(process.stdout)
                is_answered = True
            except TimeoutError as error:
                raise Unavailable("runtime.slow", limit=int(ANSWER_WITHIN_S)) from error
            except (EOFError, OSError) as error:
                raise Unavailable("runtime.stopped") from error
            finally:
                if not is_answered:  # also when we are cancelled: an answer left in the pipe would be the next one's
                    self._ready.clear()
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
            assert isinstance(answer, dict)
            return answer
