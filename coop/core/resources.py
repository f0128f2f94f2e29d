"""Where templates, static files, migrations and translations lie: beside the packages in a checkout, inside `coop` in a wheel."""

from pathlib import Path

INSIDE = Path(__file__).resolve().parents[1]


def resource(name: str) -> Path:
    """Return the folder `templates`, `static`, `migrations` or `translations`. Raises FileNotFoundError."""
    for place in (INSIDE / name, INSIDE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"the folder {name!r} is missing from this installation; install allmende again")
