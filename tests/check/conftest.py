"""The process that loads a project, which most tests of its checks need and few are about, without its imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

from hosting.check.probe import parent
from tests.support.forking import Forks

PROBE = Path(__file__).parent / "probe"
"""Tests of that process itself, which start a new Python each."""


@pytest.fixture(scope="session")
def probes(forks: Forks | None) -> Iterator[Forks | None]:
    """The process whose copies load projects, with the variables that such a process gets."""
    if forks is None:
        yield None
        return
    with Forks({**os.environ, **parent.VARIABLES}) as running:
        yield running


@pytest.fixture(autouse=True)
def _load_in_a_copy(probes: Forks | None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if probes is None or PROBE in request.path.parents:
        return
    call = subprocess.call

    def fork(
        command: Sequence[str], *, stdin: int, stdout: IO[bytes], stderr: IO[bytes], env: dict[str, str], timeout: float
    ) -> int:
        if command[:4] != [sys.executable, "-P", "-m", parent.__name__] or _shadows_a_module(Path(command[5])):
            return call(command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, timeout=timeout)
        assert probes.can_run(env)
        process = probes.start(command[1:], env, stdout, stderr, Path.cwd())
        try:
            return process.wait(timeout)
        finally:
            process.kill()

    monkeypatch.setattr(subprocess, "call", fork)


def _shadows_a_module(project: Path) -> bool:
    """Return whether a project has a module of the standard library's name, which a copy has imported already."""
    return any(
        path.stem in sys.stdlib_module_names for folder in (project, project / "src") for path in folder.glob("*")
    )
