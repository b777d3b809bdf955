"""Fixtures for whole apps: written to a folder, and served by ``hosting start`` in a process of its own."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

import httpx
import pytest
from hypothesis import settings

from hosting.apps.imports import module_places
from hosting.apps.web import unload_web_extension, web_extension
from hosting.authoring import pending
from hosting.testing import Server, server
from hosting.testing.server import environment
from tests.support.forking import Forks

settings.register_profile("no deadline", deadline=None, max_examples=50)  # no test depends on the clock
settings.register_profile("few examples", deadline=None, max_examples=20)  # make fast and make mutate name it
settings.register_profile("many examples", deadline=None, max_examples=100)  # make cover names it
settings.load_profile("no deadline")

ROOT = Path(__file__).parent.parent
PATIENCE = server.PATIENCE
APPS = (str(ROOT / "examples"), str(ROOT / "tests" / "broken_apps"))
"""Where the apps of this repository lie that tests load; others are in temporary folders."""
SLOW_FIXTURES = frozenset({"azurite", "forks", "hosting_server", "installation", "run_hosting", "serve", "wheels"})
"""Fixtures that start processes."""
SLOW_PATHS = (
    "plugins",
    "tests/apps/remedies",
    "tests/azure_worker",
    "tests/benchmarks",
    "tests/bindings/timer",
    "tests/check",
    "tests/cli",
    "tests/deploy",
    "tests/docs",
    "tests/examples",
    "tests/frameworks",
    "tests/host/test_timeouts.py",
    "tests/host/test_tracebacks.py",
    "tests/logging/test_apps_that_configure_logging.py",
    "tests/packaging",
    "tests/runner",
    "tests/scaffold/test_app.py",
    "tests/scaffold/test_extension.py",
    "tests/scaffold/test_function.py",
    "tests/server/test_hostile_clients.py",
    "tests/server/monitor/test_package_panels.py",
    "tests/server/monitor/test_page.py",
    "tests/server/test_requests.py",
    "tests/server/uvicorn_adapter",
    "tests/test_architecture.py",
    "tests/test_distributions.py",
    "tests/testing/test_isolation.py",
    "tests/testing/test_make_host.py",
    "tests/testing/test_no_leaks.py",
    "tests/testing/test_plugin.py",
    "tests/testing/test_server.py",
    "tests/tools/test_makefile.py",
)
"""Files and folders whose tests start processes themselves, or take more than a few tenths of a second each."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import what is slow where slow tests are left out."""
    return True if _is_left_out(collection_path, config) else None


def _is_left_out(path: Path, config: pytest.Config) -> bool:
    return "not slow" in config.option.markexpr and any(path == ROOT / slow for slow in SLOW_PATHS)


@pytest.hookimpl(tryfirst=True)  # before pytest imports all of them
def pytest_collection(session: pytest.Session) -> None:
    """Import a part of the test modules first in each process of pytest-xdist: then each finds the others' compiled.

    To compile a module with assertions that explain themselves takes longer than to import it, and without this
    each process would compile every module of a fresh checkout.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        return
    folders = [Path(argument) for argument in session.config.args]
    paths = [path.absolute() for folder in folders if folder.is_dir() for path in sorted(folder.rglob("test_*.py"))]
    own = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    for path in paths[own::processes]:
        if not any(_is_left_out(one, session.config) for one in (path, *path.parents)):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)  # as pytest names it
            with contextlib.suppress(Exception, pytest.skip.Exception):  # pytest imports it again, and reports it
                importlib.import_module(name)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark tests that start processes as slow, by their fixtures and by where they are."""
    slow = tuple(ROOT / path for path in SLOW_PATHS)
    for item in items:
        if SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ())) or not {*slow}.isdisjoint(
            (item.path, *item.path.parents)
        ):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Leave the thousands of tests and modules out of each collection of garbage, which takes seconds otherwise."""
    gc.freeze()
    gc.set_threshold(50_000)  # a fifth of the processor time went into collections that found little


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"


class MakeApp(Protocol):
    """Write an app's files into a new folder."""

    def __call__(self, files: Mapping[str, str], /) -> Path: ...


class Serve(Protocol):
    """Start ``hosting start APP_DIR ARGS`` on a free port and wait until it serves."""

    def __call__(self, app_dir: Path, /, *args: str, env: Mapping[str, str] | None = None) -> Served: ...


class Served(Server):
    """A running host, with httpx as its client."""

    def get(self, path: str, **options: object) -> httpx.Response:  # type: ignore[override]
        return httpx.get(self.url + path, timeout=PATIENCE, **options)  # type: ignore[arg-type]


def clean_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without settings of apps and hosts, and with ``env``."""
    return environment({"PYTHONPATH": str(ROOT), **(env or {})})


@contextmanager
def restored_path() -> Iterator[None]:
    """Restore ``sys.path`` after the block: an app that is loaded in this process adds its folder."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@contextmanager
def restored_imports() -> Iterator[None]:
    """Leave no folder on ``sys.path``, module of an app or web extension to the tests that follow the block."""
    before, late, web = sys.modules.copy(), [*pending.late], web_extension()
    with restored_path():
        yield
    pending.late[:] = late  # a host that a test leaves open would take extensions of the next one's app
    if sys.modules == before:  # most tests import nothing, and a comparison is quick
        return
    if web is None:
        unload_web_extension()  # its presence says that an app takes its requests
    added = {name: module for name, module in sys.modules.copy().items() if before.get(name) is not module}
    for name in [name for name, module in added.items() if _is_of_an_app("".join(module_places(module)))]:
        del sys.modules[name]


def _is_of_an_app(place: str) -> bool:
    is_temporary = place.startswith(tempfile.gettempdir()) and not place.startswith((str(ROOT), sys.prefix))
    return is_temporary or place.startswith(APPS)


@pytest.fixture(autouse=True)
def _restore_imports() -> Iterator[None]:
    with restored_imports():
        yield


@pytest.fixture(autouse=True, scope="module")
def _restore_imports_of_shared_fixtures() -> Iterator[None]:
    with restored_imports():
        yield


@pytest.fixture
def make_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeApp]:
    """Return a function that writes an app to a new folder; ``sys.path`` is restored afterwards."""

    def make(files: Mapping[str, str], /) -> Path:
        root = tmp_path_factory.mktemp("app")
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        return root

    with restored_path():
        yield make


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks | None]:
    """The process whose copies run commands; None where commands start a new Python each."""
    if sys.platform != "linux" or any(name.startswith("COVERAGE") for name in os.environ):
        yield None  # coverage measures processes that it starts with
        return
    with Forks(clean_environment()) as running:
        yield running


@pytest.fixture
def serve(tmp_path: Path, forks: Forks | None) -> Iterator[Serve]:
    """Return a function that serves an app with ``hosting start``; hosts that still run are killed after the test."""
    running: list[Served] = []

    def start(app_dir: Path, /, *args: str, env: Mapping[str, str] | None = None) -> Served:
        served = launch(app_dir, *args, output=tmp_path / f"output{len(running)}.txt", env=env, forks=forks)
        running.append(served)
        served.wait_until_listening()
        return served

    yield start
    for served in running:
        served.kill()


def launch(
    app_dir: Path, /, *args: str, output: Path, env: Mapping[str, str] | None = None, forks: Forks | None = None
) -> Served:
    """Start ``hosting start`` on a free port, unless ``args`` name one; do not wait for it.

    It is a copy of the process of ``forks``, or else a new Python.
    """
    environ = clean_environment(env)
    if forks is None or not forks.can_run(environ):
        return Served(server.launch(app_dir, *args, output=output, environ=environ).process, output)
    command = ["-m", "hosting", "start", str(app_dir), "--port", "0", *args]
    with output.open("wb") as sink:
        process = forks.start(command, environ, stdout=sink, stderr=sink, cwd=Path.cwd())
    return Served(cast("subprocess.Popen[bytes]", process), output)


@pytest.fixture
def run_hosting(forks: Forks | None) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs ``hosting ARGS`` to its end."""

    def run(*args: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        command = ["-m", "hosting", *map(str, args)]
        environ = clean_environment(env)
        if forks is not None and forks.can_run(environ):
            return forks.run(command, environ, PATIENCE)
        return subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, env=environ, timeout=PATIENCE, check=False
        )

    return run
