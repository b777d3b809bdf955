"""``python -m hosting`` is the ``hosting`` command; it starts here to report a missing extra in one line."""

from __future__ import annotations

import sys
from typing import NoReturn

EXTRA = frozenset({"click", "httptools", "packaging", "pathspec", "rich", "uvicorn", "uvloop"})
"""The packages that ``hosting[host]`` installs and ``hosting`` alone does not."""


def main() -> NoReturn:
    """Run the command line and end the process; with 1 where a package of the extra ``host`` is missing."""
    try:
        from hosting.cli.main import main as run

        run()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in EXTRA:
            raise
        from hosting._install import install_command

        remedy = install_command("hosting", "host")
        print(f"The command needs {error.name}, which is not installed: {remedy}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
