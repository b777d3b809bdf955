"""Configuration of the tests of hosting-durable."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from durable_support.hosts import HostFolder
from durable_support.postgres import find_postgres, run_postgres

from hosting_durable.stores import Database, SqliteDatabase

POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.slow)
ENTRY_POINTS = "[hosting.testing]\n" + "".join(
    f"{kind} = hosting_durable.testing:DurableForTests\n"
    for kind in ("activityTrigger", "durableClient", "entityTrigger", "orchestrationClient", "orchestrationTrigger")
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"


def _restore_path() -> Iterator[None]:
    """Restore ``sys.path``, to which each host adds the folder of its app."""
    before = list(sys.path)
    yield
    sys.path[:] = before


_restore_path_of_tests = pytest.fixture(autouse=True)(_restore_path)
_restore_path_of_modules = pytest.fixture(autouse=True, scope="module")(
    _restore_path
)  # some have one host for all tests


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostFolder:
    """The folder of an app, with the state of its hosts beside it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return HostFolder(tmp_path / "app")


@pytest.fixture(params=["sqlite", POSTGRESQL])
def each_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostFolder:
    """The folder of an app, with the state of its hosts in each kind of store."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return HostFolder(tmp_path / "app", request.getfixturevalue("postgres") if request.param == "postgresql" else "")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URI of a database of a running PostgreSQL."""
    pytest.importorskip("psycopg")
    if find_postgres() is None:
        pytest.skip("PostgreSQL is not installed")
    with run_postgres() as uri:
        yield uri


@pytest.fixture(params=["memory", "file", POSTGRESQL])
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Database]:
    """Make databases of one task hub, each as another host would: in memory there can be one only."""
    if request.param == "memory":
        return lambda: SqliteDatabase(None)
    if request.param == "file":
        return lambda: SqliteDatabase(tmp_path / "hub.sqlite3")
    from hosting_durable.stores.postgresql import PostgresDatabase

    uri, name = request.getfixturevalue("postgres"), f"h{uuid4().hex[:12]}"
    return lambda: PostgresDatabase(uri, name)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the package's metadata: its provider for tests is found by them."""
    info = tmp_path / "site" / "hosting_durable-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hosting-durable\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(info.parent))
