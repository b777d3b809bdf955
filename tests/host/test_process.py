"""The process of an app before its code is imported: folder, address, and the number of threads."""

from __future__ import annotations

import pytest

from hosting.host.function_host import FunctionHost
from tests.conftest import MakeApp


@pytest.mark.parametrize(("setting", "threads"), [("3", 3), ("nonsense", None), ("0", None)])
def test_thread_pool_has_the_size_of_the_setting(make_app: MakeApp, setting: str, threads: int | None) -> None:
    """A value that cannot be used is a warning, and Python's default counts."""
    code = "import azure.functions as func\napp = func.FunctionApp()\n@app.route('f')\ndef f(req): return ''\n"
    files = {"function_app.py": code, "host.json": '{"version": "2.0"}'}
    host = FunctionHost(make_app(files), environ={"PYTHON_THREADPOOL_THREAD_COUNT": setting})
    host.load()
    assert [problem.severity for problem in host.problems] == ([] if threads else ["warning"])
    if threads:
        assert host._pool.count == threads
