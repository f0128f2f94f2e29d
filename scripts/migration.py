"""Writes the next migration from the difference between models and an empty database at the newest schema."""

import sys
import tempfile
from pathlib import Path

from alembic import command

from coop.core.db import Database
from coop.core.resources import resource
from coop.services import schema


def main() -> int:
    """Write one migration; its number follows the newest one."""
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.stderr.write('Say what it does: make migration M="Members have a phone number"\n')
        return 2
    number = max(int(path.name[:4]) for path in (resource("migrations") / "versions").glob("[0-9]*.py")) + 1
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'empty.db'}")
        schema.upgrade(database)
        with database.engine.connect() as connection:
            command.revision(schema.config(connection), message=sys.argv[1], autogenerate=True, rev_id=f"{number:04}")
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
