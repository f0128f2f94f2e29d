#!/bin/sh
# Writes requirements.lock (to run) and requirements-dev.lock (to test), for Python 3.11 and later on every platform.
set -eu
cd "$(dirname "$0")/.."
compile=".venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra portal --extra gpu --extra postgres"
$compile pyproject.toml -o requirements.lock
$compile --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
