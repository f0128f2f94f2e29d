"""Runs one measurement or all, and writes what was measured with the machine it was measured on."""

import importlib
import json
import os
import platform
import sys
from pathlib import Path

from coop.core.clock import iso, utc_now

NAMES = ("foundation",)
RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """Describe the machine in words."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def main() -> int:
    """Measure the named ones, or all."""
    names = sys.argv[1:] or list(NAMES)
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.stderr.write(f"No measurement is called {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}\n")
        return 2
    for name in names:
        figures = importlib.import_module(f"bench.{name}").measure()
        result = {"name": name, "figures": figures, "machine": machine(), "at": iso(utc_now())}
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
        for key, value in figures.items():
            sys.stdout.write(f"{name:>12}  {key:<18} {value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
