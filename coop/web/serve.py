"""The portal's process: gunicorn with one worker and eight threads, drained within eight seconds."""

from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped] # gunicorn carries no types

from coop.core.processes import die_with_parent
from coop.core.settings import Settings

THREADS = 8
GRACEFUL_S = 8
REQUEST_TIMEOUT_S = 60
HEADER_BYTES_MAX = 8_190


def _after_fork(_server: object, _worker: object) -> None:
    """Let the worker end with its master, however that ends: an orphan would keep the port from the next portal."""
    die_with_parent()


class Portal(BaseApplication):  # type: ignore[misc] # gunicorn carries no types
    """Gunicorn, configured here and by nothing else."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Set what we need; the command line and configuration files are not read."""
        options: dict[str, Any] = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": GRACEFUL_S,
            "timeout": REQUEST_TIMEOUT_S,
            "keepalive": 5,
            "limit_request_field_size": HEADER_BYTES_MAX,
            "proc_name": "coop-portal",
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_fork": _after_fork,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the application, in the worker."""
        from app import create_app

        return create_app(self._settings)


def run(settings: Settings) -> int:
    """Serve until told to stop. The schema is current: `coop up` migrates before it starts anything."""
    Portal(settings).run()
    return 0
