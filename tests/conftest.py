"""Fixtures for whole apps: written to a folder, and served by a real ``hosting start`` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # no test fails on a clock
settings.load_profile("patient")

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0
_LISTENING = re.compile(r"Listening on (https?://\S+?)[\s\"]")


class MakeApp(Protocol):
    """Write an app's files into a new folder."""

    def __call__(self, files: Mapping[str, str], /) -> Path: ...


class Serve(Protocol):
    """Start ``hosting start APP_DIR ARGS`` on a free port and wait until it serves."""

    def __call__(self, app_dir: Path, /, *args: str, env: Mapping[str, str] | None = None) -> Served: ...


class Served:
    """A running host."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.url = ""
        self._output = output

    def logs(self) -> str:
        """Everything that it has printed so far, standard error included."""
        return self._output.read_text("utf-8")

    def wait_for(self, text: str) -> str:
        """Wait until it has printed ``text`` (a pattern); give everything printed."""
        end = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None
            if re.search(text, self.logs()):
                break
            assert not ended, f"it ended with {self.process.returncode}:\n{self.logs()}"
            assert time.monotonic() < end, f"{text!r} was not printed:\n{self.logs()}"
            time.sleep(0.02)
        return self.logs()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end of the process; its exit code, negative for a signal."""
        return self.process.wait(PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        if self.process.poll() is None:
            self.send(number)
        return self.wait()

    def get(self, path: str, **options: object) -> httpx.Response:
        return httpx.get(self.url + path, timeout=PATIENCE, **options)  # type: ignore[arg-type]


def clean_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of apps and hosts, and with ``env``."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.upper().startswith(("AZURE", "PYTHON_", "HOSTING_", "FUNCTIONS_", "WEBSITE_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), **(env or {})}


@pytest.fixture(autouse=True)
def _path_as_before() -> Iterator[None]:
    """An app that is loaded in this process puts its folder on the path."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture
def make_app(tmp_path_factory: pytest.TempPathFactory) -> MakeApp:
    """Make an app from its files, by path."""

    def make(files: Mapping[str, str], /) -> Path:
        root = tmp_path_factory.mktemp("app")
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        return root

    return make


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve apps with the real command; whatever still runs is ended after the test."""
    running: list[Served] = []

    def start(app_dir: Path, /, *args: str, env: Mapping[str, str] | None = None) -> Served:
        served = launch(app_dir, *args, output=tmp_path / f"output{len(running)}.txt", env=env)
        running.append(served)
        served.wait_for(_LISTENING.pattern)
        found = _LISTENING.search(served.logs())
        assert found is not None
        served.url = found[1]
        return served

    yield start
    for served in running:
        if served.process.poll() is None:
            served.process.kill()
        served.wait()


def launch(app_dir: Path, /, *args: str, output: Path, env: Mapping[str, str] | None = None) -> Served:
    """Start ``hosting start`` on a free port, unless ``args`` name one, and wait for nothing."""
    command = [sys.executable, "-m", "hosting", "start", str(app_dir), "--port", "0", *args]
    with output.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=clean_environment(env))
    return Served(process, output)


@pytest.fixture
def run_hosting() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``hosting ARGS`` to its end."""

    def run(*args: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hosting", *map(str, args)]
        return subprocess.run(
            command, capture_output=True, text=True, env=clean_environment(env), timeout=PATIENCE, check=False
        )

    return run
