"""Plugin of pytest that only mutmut loads: the order of a mutant's tests, and wrappers that tests do not notice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from mutmut.core import MutmutCallStack
from mutmut.mutation import trampoline


def pytest_configure() -> None:
    """Adapt the wrappers that mutmut puts around each function.

    Their frames count as those of the host, which tracebacks of extensions leave out. They do not note their caller in
    a context variable, for ``track_dependencies``: generators that are closed in another context would fail, and
    CPython 3.11 crash.
    """
    trampoline.__name__ = "hosting.extensions.mutated"
    for method in ("set", "reset"):
        setattr(MutmutCallStack, method, _do_nothing)


def _do_nothing(_value: Any) -> None:
    pass


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests of a mutant: first those of its module, then the others, the fastest first."""
    module = os.environ.get("MUTANT_UNDER_TEST", "").rpartition(".")[0].rpartition(".")[2].lstrip("_")
    recorded = Path("mutmut-stats.json")
    if recorded.exists():
        seconds = json.loads(recorded.read_text("utf-8"))["duration_by_test"]
        items.sort(key=lambda item: (f"test_{module}.py" not in item.nodeid, seconds.get(item.nodeid, 0.0)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note which test has failed with which mutant."""
    if report.failed:
        with Path("failed-tests.txt").open("a", encoding="utf-8") as file:
            file.write(f"{os.environ.get('MUTANT_UNDER_TEST', '')}\t{report.nodeid}\n")
