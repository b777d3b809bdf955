"""A PostgreSQL server for tests, in a folder that is deleted."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

_PLACES = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin", "/usr/bin")


def find_postgres() -> Path | None:
    """Return the folder of initdb and pg_ctl; None if they are not installed, or only root could run them."""
    if os.getuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        return None
    return next((Path(place) for place in _PLACES if (Path(place) / "pg_ctl").exists()), None)


@contextmanager
def run_postgres() -> Iterator[str]:
    """Run a server on a socket in its folder, and give the URI of a database."""
    programs = find_postgres()
    assert programs is not None
    folder = Path(mkdtemp(prefix="pg-"))
    user = _other_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(
            command, check=True, capture_output=True, timeout=60, user=None if user is None else user.pw_uid, cwd=folder
        )

    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    run(str(programs / "initdb"), "-D", str(data), "-U", "tests", "-A", "trust", "-N")
    try:
        run(str(programs / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
        yield f"postgresql://tests@/postgres?host={folder}"
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _other_user() -> pwd.struct_passwd | None:
    """Return the user that runs the server, where the tests run as root, which it refuses."""
    return pwd.getpwnam("postgres") if os.getuid() == 0 else None
