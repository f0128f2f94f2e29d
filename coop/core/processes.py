"""Starting children that never outlive their parent, and one lock per folder. Standard library only."""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from coop.core.errors import Conflict

PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent() -> None:
    """Ask Linux to end this child with its parent, however that ends. Elsewhere the parent's own clean-up has to do."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start_child(
    command: Sequence[str],
    *,
    log_path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that Ctrl-C reaches only the supervisor, which stops it in order.

    With `log_path` both outputs are appended to that file.
    """
    output: int | IO[bytes] | None = stdout
    if log_path is not None:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        output = log_path.open("ab")
    try:
        return subprocess.Popen(
            list(command),
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT if log_path is not None else None,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    finally:
        if log_path is not None and not isinstance(output, int) and output is not None:
            output.close()


class FolderLock:
    """Holds `<folder>/lock` while it lives; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = (folder / "lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise Conflict("home.locked", home=str(folder)) from error

    def release(self) -> None:
        """Let the next one in."""
        self._file.close()
