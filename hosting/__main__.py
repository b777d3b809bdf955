"""``python -m hosting`` and the ``hosting`` command start here, so that a missing extra has a message of its own."""

from __future__ import annotations

import sys
from typing import NoReturn

from hosting._collection import collection_paused

EXTRA = frozenset({"click", "httptools", "packaging", "pathspec", "rich", "uvicorn", "uvloop"})
"""The packages that the extra ``host`` adds."""


def main() -> NoReturn:
    """Run the command line and end the process; exit with 1 if a package of the extra ``host`` is missing."""
    try:
        with collection_paused():
            from hosting.cli.main import main as run

        run()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in EXTRA:
            raise
        from hosting._install import install_command

        remedy = install_command("hosting", "host")
        print(f"Error: The command needs {error.name}, which is not installed: {remedy}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
