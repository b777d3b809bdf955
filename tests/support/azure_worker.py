"""This process, set up as Azure's worker does."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hosting.authoring import pending
from hosting.host.context import Context, InvocationLocal
from tests.support.sites import Site


@contextmanager
def azure_worker(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, attribute: str) -> Iterator[Path]:
    """Set up this process with an app's folder and the extension ``marking``; clear what ``hosting.extend`` keeps.

    Args:
        folder: the folder of the app.
        monkeypatch: restores the process after the test.
        module: the name of the test's own module, which has the extension.
        attribute: the extension's class or object in the module.
    """
    _forget_web_extension(monkeypatch)
    Site(folder / "site").install("marking", hosting={"marking": f"{module}:{attribute}"})
    monkeypatch.syspath_prepend(str(folder / "site"))
    monkeypatch.setitem(sys.modules, module, sys.modules.get(module) or sys.modules["__main__"])
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
    monkeypatch.setenv("HOSTING_ALLOW", "marking")
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(folder))
    yield folder
    pending.shared = None
    pending.take()


def call_as_worker(function: Any, name: str, **arguments: Any) -> Any:
    """Call what the worker gets of a function, with a context; return the answer of a coroutine as well."""
    answer = function(**arguments, context=Context("i1", name, "/", InvocationLocal()))
    return asyncio.run(answer) if inspect.iscoroutine(answer) else answer


def _forget_web_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker's library take the requests of ``azure.functions``: another test may have imported others."""
    registry = pytest.importorskip("azure_functions_runtime.http_v2").HttpV2Registry
    monkeypatch.setattr(registry, "_http_v2_enabled_checked", True)
    monkeypatch.setattr(registry, "_http_v2_enabled", False)
