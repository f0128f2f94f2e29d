#!/bin/sh
# Sets up all that is missing and nothing else: setup.sh run | test. Quick when there is nothing to do.
set -eu
cd "$(dirname "$0")/.."
what="${1:-run}"
lock=requirements.lock
[ "$what" = test ] && lock=requirements-dev.lock
mkdir -p .setup

say() { printf '%s\n' "$*" >&2; }
stop() { say "Cannot go on: $*"; exit 1; }

# Installs Debian packages where root or sudo allows; else says what to install.
system_packages() {
    if ! command -v apt-get >/dev/null 2>&1; then stop "install these with your package manager: $*"; fi
    if [ "$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo"; else stop "run: sudo apt-get install -y $*"; fi
    say "Installing $* ..."
    { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >.setup/apt.log 2>&1 ||
        { tail -5 .setup/apt.log >&2; stop "apt-get could not install $*"; }
}

python=""
for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { python="$candidate"; break; }
done
[ -n "$python" ] || stop "Python 3.11 or later is needed"

if [ ! -x .venv/bin/python ]; then
    say "Making a virtual environment ..."
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then system_packages python3-venv; fi
    "$python" -m venv .venv
fi

# A stamp per lock file: the environment is right as long as neither the lock nor pyproject.toml changed.
stamp=$(cat "$lock" pyproject.toml | .venv/bin/python -c 'import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
if [ "$(cat ".setup/$what.stamp" 2>/dev/null || true)" != "$stamp" ]; then
    say "Installing Python packages (a few minutes the first time) ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" 2>.setup/pip.log ||
        { tail -5 .setup/pip.log >&2; stop "pip could not install the packages of $lock"; }
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable . 2>>.setup/pip.log ||
        { tail -5 .setup/pip.log >&2; stop "pip could not install the project itself"; }
    printf '%s' "$stamp" >".setup/$what.stamp"
fi

if [ ! -e .setup/system-run ]; then
    .venv/bin/python -c 'import weasyprint' 2>/dev/null ||
        system_packages libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation
    touch .setup/system-run
fi
if [ "$what" = test ] && [ ! -e .setup/system-test ]; then
    command -v chromium >/dev/null 2>&1 || [ -n "${CHROMIUM:-}" ] || system_packages chromium fonts-liberation
    touch .setup/system-test
fi

[ -e static/vendor/htmx.min.js ] || .venv/bin/python scripts/frontend.py
