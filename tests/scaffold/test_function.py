"""Adding functions to existing apps."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from hosting._install import install_command
from hosting.errors import HostingError
from hosting.scaffold import function
from hosting.scaffold.function import add_function, find_app
from hosting.scaffold.writer import write
from tests.conftest import MakeApp, Serve
from tests.support.processes import ROOT
from tests.support.sites import Site

RunHosting = Callable[..., "CompletedProcess[str]"]
HOST_JSON = '{"version": "2.0"}'
V2 = "import azure.functions as func\n\napp = func.FunctionApp()\n"
V1 = {
    "host.json": HOST_JSON,
    "Hello/__init__.py": "def main(req): ...\n",
    "Hello/function.json": '{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}]}',
}


def _add(root: Path, name: str, kind: str = "http", *, force: bool = False) -> None:
    place = find_app(root)
    added = add_function(place, name, kind, force=force)  # type: ignore[arg-type]
    write(root, added.files, changes=added.changes, force=force)


def _script(root: Path, name: str = "function_app.py") -> str:
    return (root / name).read_bytes().decode()


def _run_tests(root: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "tests"]
    done = subprocess.run([*command, "--import-mode=importlib"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


HEADS = {
    "import azure.functions as func\n\napp = func.FunctionApp()": "@app.route",
    "import azure.functions as af\n\napi: af.FunctionApp = af.FunctionApp()": "@api.route",
    "from azure import functions\n\napp = functions.FunctionApp()": "@app.route",
    "from __future__ import annotations\n\nimport azure.functions\n\napp = azure.functions.FunctionApp()": "@app.route",
    "import azure.functions as func\nimport hosting\n\napp = hosting.extend(func.FunctionApp())": "@app.route",
    "import azure.functions as func\nfrom hosting import extend\n\napp = extend(func.FunctionApp())": "@app.route",
}

# The imports of a file before and after: a blank line follows those of the standard library.
IMPORTS = {
    "{azure}": "import logging\n\n{azure}",
    "import json\n\n{azure}": "import json\nimport logging\n\n{azure}",
    "import os\n\n{azure}": "import logging\nimport os\n\n{azure}",
    "from json import loads\n\n{azure}": "import logging\nfrom json import loads\n\n{azure}",
    "import logging\n\n{azure}": "import logging\n\n{azure}",
    "import json, logging\n{azure}": "import json, logging\n{azure}",
    '"""Doc."""\n\nfrom __future__ import annotations\n\n{azure}': (
        '"""Doc."""\n\nfrom __future__ import annotations\n\nimport logging\n\n{azure}'
    ),
}


@pytest.mark.parametrize(("head", "decorator"), HEADS.items())
def test_function_uses_the_names_of_its_file(make_app: MakeApp, head: str, decorator: str) -> None:
    """It uses the file's names of the app and of ``azure.functions``, and its own test passes."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": f"{head}\n"})
    _add(root, "hello")
    assert decorator in _script(root)
    assert "1 passed" in _run_tests(root)


@pytest.mark.parametrize(("imports", "expected"), IMPORTS.items())
def test_missing_import_is_inserted_in_order(make_app: MakeApp, imports: str, expected: str) -> None:
    """Sorted imports stay sorted, and nothing is imported twice."""
    azure = "import azure.functions as func\n\napp = func.FunctionApp()\n"
    root = make_app({"host.json": HOST_JSON, "function_app.py": imports.format(azure=azure)})
    _add(root, "tick", "timer")
    assert _script(root).startswith(expected.format(azure=azure))


GENERATOR, ANY = "from collections.abc import Generator\n", "from typing import Any\n"
DURABLE_IMPORTS = {
    "": f"{GENERATOR}{ANY}\n",
    "import zipfile\n\n": f"import zipfile\n{GENERATOR}{ANY}\n",
    "from typing import Any\n\n": f"{GENERATOR}{ANY}\n",
    "from os import path\n\n": f"{GENERATOR}from os import path\n{ANY}\n",
    "from uuid import uuid4\n\n": f"{GENERATOR}{ANY}from uuid import uuid4\n\n",
    f"import os\n{GENERATOR}{ANY}\n": f"import os\n{GENERATOR}{ANY}\n",
    '"""Doc."""\n\nfrom __future__ import annotations\n\n': (
        f'"""Doc."""\n\nfrom __future__ import annotations\n\n{GENERATOR}{ANY}\n'
    ),
}


@pytest.mark.parametrize(("imports", "expected"), DURABLE_IMPORTS.items())
def test_missing_imports_of_an_orchestration_are_inserted_in_order(
    make_app: MakeApp, imports: str, expected: str
) -> None:
    """Sorted imports stay sorted, and nothing is imported twice."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": f"{imports}{V2}"})
    _add(root, "greet", "durable")
    sdk = "import azure.durable_functions as df\n"
    assert _script(root).startswith(f"{expected}{sdk}{V2}")
    _add(root, "again", "durable")
    assert _script(root).startswith(f"{expected}{sdk}{V2}")


def test_added_lines_end_like_those_of_the_file(make_app: MakeApp) -> None:
    """A file with CR LF gets lines with CR LF."""
    root = make_app({"host.json": HOST_JSON})
    (root / "function_app.py").write_bytes(V2.replace("\n", "\r\n").encode())
    _add(root, "hello")
    assert _script(root).count("\n") == _script(root).count("\r\n") > 5


# Characters besides line ends that editors write into files.
UNUSUAL = {
    "mark": "\ufeff{0}",
    "mark and a docstring": '\ufeff"""Doc."""\n\n{0}',
    "mark on Windows": "\ufeff{0}",
    "form feed": '"""Doc."""\n\x0c\n{0}\n\x0c\nPAGE = "a"\n',
    "separators in texts": '{0}\nTEXT = """a\u2028b\x0bc\x1cd\x85e\n"""\n',
    "all in a line": "import azure.functions as func; app = func.FunctionApp()",
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_rest_of_the_file_is_unchanged(make_app: MakeApp, case: str) -> None:
    """Without the added lines the file is byte for byte as before, and the function works."""
    root = make_app({"host.json": HOST_JSON})
    written = UNUSUAL[case].format(V2).replace("\n", "\r\n" if "Windows" in case else "\n").encode()
    (root / "function_app.py").write_bytes(written)
    _add(root, "hello")
    lines = (root / "function_app.py").read_bytes().partition(b"@app.route")[0]
    assert lines.replace(b"import logging\r\n\r\n", b"").replace(b"import logging\n\n", b"").strip() == written.strip()
    assert "1 passed" in _run_tests(root)


def test_existing_lines_keep_their_ends(make_app: MakeApp) -> None:
    """A file with both LF and CR LF keeps both."""
    written = b"import logging\n\nimport azure.functions as func\r\n\r\napp = func.FunctionApp()"
    root = make_app({"host.json": HOST_JSON})
    (root / "function_app.py").write_bytes(written)
    _add(root, "hello")
    assert (root / "function_app.py").read_bytes().startswith(written)


@pytest.mark.parametrize("name", ["count", "Inner", "logger"])
def test_name_inside_a_function_or_class_can_be_used(make_app: MakeApp, name: str) -> None:
    """A function of this name replaces nothing."""
    script = (
        f"{V2}\n\ndef helper() -> int:\n    import logger\n    count = logger.count\n    return count\n\n\n"
        "class Outer:\n    class Inner: ...\n"
    )
    root = make_app({"host.json": HOST_JSON, "function_app.py": script})
    _add(root, name)
    assert f"def {name}(req" in _script(root)


def test_text_before_the_function_stays(make_app: MakeApp) -> None:
    """The new text starts with the old one, including comments."""
    written = "# mine\nimport logging\n\nimport azure.functions as func\n\napp = func.FunctionApp()  # mine too\n\n\n\n"
    root = make_app({"host.json": HOST_JSON, "function_app.py": written})
    _add(root, "hello")
    assert _script(root).startswith(written.rstrip("\n"))


@pytest.mark.parametrize("name", ["app", "func", "logging", "orders", "ORDERS", "Placed", "helper", "found", "match"])
def test_name_in_use_is_refused(make_app: MakeApp, name: str) -> None:
    """A function would replace the value of that name in the file; names of functions are compared ignoring case."""
    script = (
        f"{V2}found = 1\nif (match := found):\n    pass\n\n\ndef helper() -> None: ...\n\n\n"
        '@app.function_name("Placed")\n@app.route()\ndef orders(req: func.HttpRequest) -> str: ...\n'
    )
    root = make_app({"host.json": HOST_JSON, "function_app.py": script})
    if name == "ORDERS":  # the function orders is called Placed in Azure, and Python distinguishes case
        _add(root, name)
        return
    with pytest.raises(HostingError, match=r"(?i)choose another name"):
        _add(root, name)
    assert _script(root) == script


def test_name_of_a_function_in_a_blueprint_is_refused(make_app: MakeApp) -> None:
    """Names are unique in the whole app, whichever file declares them."""
    blueprint = "import azure.functions as func\n\nbp = func.Blueprint()\n\n\n@bp.route()\ndef hello(req): ...\n"
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2, "orders.py": blueprint})
    with pytest.raises(HostingError, match="already has a function 'hello'"):
        _add(root, "Hello")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import azure.functions as func\n", "function_app.py: .*app = func.FunctionApp"),
        ("import os\n\napp = FunctionApp()\n", "function_app.py: .*import azure.functions as func"),
        ("app = (\n", "function_app.py:1: .*never closed"),
        ("app = '\0'\n", "function_app.py"),
    ],
)
def test_unusable_file_is_refused_and_unchanged(make_app: MakeApp, script: str, message: str) -> None:
    """The message names the file, and the line to add or to correct."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": script})
    with pytest.raises(HostingError, match=message):
        _add(root, "hello")
    assert _script(root) == script
    assert not (root / "tests").exists()


def test_model_is_detected(make_app: MakeApp) -> None:
    """v2 has its file, whose name the settings may change; v1 has folders, or no functions yet."""
    settings = '{"IsEncrypted": false, "Values": {"PYTHON_SCRIPT_FILE_NAME": "main.py"}}'
    elsewhere = make_app({"host.json": HOST_JSON, "main.py": V2, "local.settings.json": settings})
    _add(elsewhere, "hello")
    assert "def hello" in _script(elsewhere, "main.py")
    for v1 in (make_app(V1), make_app({"host.json": HOST_JSON}), make_app({**V1, "function_app.py": V2})):
        _add(v1, "More")
        assert (v1 / "More" / "function.json").is_file()
        assert not (v1 / "function_app.py").exists() or _script(v1) == V2


def test_folder_without_an_app_is_refused(make_app: MakeApp, tmp_path: Path) -> None:
    """The message says how to name the app's folder."""
    for root in (make_app({"README.md": ""}), tmp_path / "nowhere"):
        with pytest.raises(HostingError, match="--app-dir"):
            find_app(root)


def test_v1_function_is_replaced_only_with_force(make_app: MakeApp) -> None:
    """Without it nothing changes; with it other files in the folder stay."""
    root = make_app({**V1, "Hello/data.txt": "mine"})
    with pytest.raises(HostingError, match="already"):
        _add(root, "Hello")
    assert (root / "Hello" / "__init__.py").read_text() == V1["Hello/__init__.py"]
    _add(root, "Hello", "timer", force=True)
    assert "timerTrigger" in (root / "Hello" / "function.json").read_text()
    assert (root / "Hello" / "data.txt").read_text() == "mine"


def test_folder_without_a_function_is_not_turned_into_one(make_app: MakeApp) -> None:
    """A folder with code that functions share is refused."""
    root = make_app({**V1, "shared/wording.py": ""})
    with pytest.raises(HostingError, match="already has a folder shared"):
        _add(root, "shared")
    assert [path.name for path in (root / "shared").iterdir()] == ["wording.py"]


def test_existing_test_is_not_replaced(make_app: MakeApp) -> None:
    """Nothing is written, and the app's own file is unchanged as well."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2, "tests/test_hello.py": "mine\n"})
    with pytest.raises(HostingError, match=r"tests/test_hello\.py"):
        _add(root, "hello")
    assert _script(root) == V2


STORAGE = {
    "index": "hosting-storage",
    "repository": "hosting-storage @ git+https://example.org/hosting@0123abc#subdirectory=plugins/hosting-storage",
    "folder": "hosting-storage @ file:///home/ada/hosting/plugins/hosting-storage",
}


@pytest.fixture
def storage_from_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make hosting an installation from a package index."""
    monkeypatch.setattr(function, "requirement", lambda _: STORAGE["index"])


@pytest.mark.usefixtures("storage_from_index")
@pytest.mark.parametrize(
    ("files", "changed"),
    [
        ({"requirements.txt": "azure-functions"}, {"requirements.txt": "azure-functions\nhosting-storage\n"}),
        ({"requirements.txt": "a\n", "requirements-dev.txt": ""}, {"requirements-dev.txt": "hosting-storage\n"}),
        ({"requirements.txt": "hosting-storage>=0.1\n", "requirements-dev.txt": "b\n"}, {}),
        ({"requirements.txt": "Hosting_Storage\n"}, {}),
        ({"requirements.txt": "# hosting-storage\n"}, {"requirements.txt": "# hosting-storage\nhosting-storage\n"}),
        ({"requirements.txt": f"{STORAGE['repository']}\n"}, {}),
        ({"requirements.txt": "", "requirements-dev.txt": f"{STORAGE['folder']}\n"}, {}),
        ({}, {}),
    ],
)
def test_storage_package_is_added_to_the_requirements(
    make_app: MakeApp, files: dict[str, str], changed: dict[str, str]
) -> None:
    """The development requirements, or else the app's, get the package for queues, unless a file lists it."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2, **files})
    added = add_function(find_app(root), "work", "queue")
    assert {name: text for name, text in added.changes.items() if name != "function_app.py"} == changed
    assert install_command("hosting-storage") in added.steps


@pytest.mark.parametrize("origin", STORAGE)
@pytest.mark.parametrize("file", ["requirements-dev.txt", "requirements.txt"])
def test_storage_package_comes_from_where_hosting_came(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, file: str, origin: str
) -> None:
    """A folder of this machine is not added to the requirements that Azure installs."""
    monkeypatch.setattr(function, "requirement", lambda _: STORAGE[origin])
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2, file: ""})
    _add(root, "work", "queue")
    is_deployed_folder = (file, origin) == ("requirements.txt", "folder")
    assert (root / file).read_text() == ("" if is_deployed_folder else f"{STORAGE[origin]}\n")


@pytest.mark.usefixtures("storage_from_index")
def test_requirements_keep_their_line_ends_and_encoding(make_app: MakeApp) -> None:
    """A file with CR LF gets a line with CR LF; a file that is not UTF-8 is an error before anything is written."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2})
    (root / "requirements.txt").write_bytes(b"azure-functions\r\nrequests")
    _add(root, "work", "queue")
    assert (root / "requirements.txt").read_bytes() == b"azure-functions\r\nrequests\r\nhosting-storage\r\n"
    (root / "requirements.txt").write_text("azure-functions\n", "utf-16")
    with pytest.raises(HostingError, match=r"requirements\.txt: .*\n.*Save the file as UTF-8"):
        _add(root, "more", "blob")
    assert "more" not in _script(root)


def test_generated_test_uses_the_route_prefix(make_app: MakeApp) -> None:
    """The test calls a path with the prefix of the app's ``host.json``."""
    for prefix in ("", "v1/things"):
        host_json = f'{{"version": "2.0", "extensions": {{"http": {{"routePrefix": "{prefix}"}}}}}}'
        root = make_app({"host.json": host_json, "function_app.py": V2})
        _add(root, "hello")
        assert "1 passed" in _run_tests(root)


def test_function_name_that_is_invalid_in_python_is_declared(make_app: MakeApp, serve: Serve) -> None:
    """A decorator declares the name, and the function responds to it."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2})
    for name in ("Order-Report", "list"):
        _add(root, name)
    assert "2 passed" in _run_tests(root)
    served = serve(root)
    for name in ("Order-Report", "list"):
        assert served.get(f"/api/{name}?name=Ada").text == "Hello, Ada."


def test_command_prints_changed_and_new_files_and_next_steps(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """Files that existed are marked as changed."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2, "requirements-dev.txt": ""})
    done = run_hosting("new", "function", "work", "--template", "queue", "--app-dir", root)
    assert done.stdout.splitlines() == [
        "Added work:",
        "  requirements-dev.txt (changed)",
        "  function_app.py (changed)",
        "  tests/test_work.py",
        "Next:",
        f"  {install_command('hosting-storage')}",
        "  set AzureWebJobsStorage in local.settings.json; UseDevelopmentStorage=true is Azurite on this machine",
        "  pytest",
    ]


DURABLE_FILES = {
    "v1": ["Greet/__init__.py", "GreetGreet/__init__.py", "GreetStart/__init__.py"],
    "v2": ["function_app.py"],
}


@pytest.mark.parametrize("model", DURABLE_FILES)
def test_orchestration_is_added_with_starter_and_activity(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str
) -> None:
    """The requirements get the SDK and the package, and the test of the orchestration runs it to its end."""
    monkeypatch.setattr(function, "requirement", lambda name: name)
    files = {"host.json": HOST_JSON, "function_app.py": V2} if model == "v2" else V1
    root = make_app({**files, "requirements.txt": "azure-functions\n", "requirements-dev.txt": ""})
    _add(root, "Greet", "durable")
    assert all((root / name).is_file() for name in DURABLE_FILES[model])
    assert (root / "requirements.txt").read_text() == "azure-functions\nazure-functions-durable<2\n"
    assert (root / "requirements-dev.txt").read_text() == "hosting-durable\n"
    if model == "v2":
        assert "import azure.durable_functions as df\nimport azure.functions as func\n" in _script(root)
    site = Site(tmp_path / "site")
    types = ("activityTrigger", "durableClient", "orchestrationTrigger")
    site.install("hosting-durable", testing=dict.fromkeys(types, "hosting_durable.testing:DurableForTests"))
    source = ROOT / "plugins" / "hosting-durable" / "src"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site.path, source))))
    assert "1 passed" in _run_tests(root)


def test_orchestration_needs_all_of_its_names(make_app: MakeApp) -> None:
    """A name or a folder that is in use is an error before anything is written; the SDK's import keeps its name."""
    taken = f"import azure.durable_functions as durable\n{V2}\n\ndef greet_start(): ...\n"
    root = make_app({"host.json": HOST_JSON, "function_app.py": taken})
    with pytest.raises(HostingError, match="'greet_start' is in use"):
        _add(root, "greet", "durable")
    _add(root, "wave", "durable")
    assert "wave_functions = durable.Blueprint()" in _script(root)
    root = make_app({**V1, "WaveGreet/x.txt": ""})
    with pytest.raises(HostingError, match="already has a folder WaveGreet"):
        _add(root, "Wave", "durable")


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_tool_for_agents_is_added(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    """The requirements of development get the package, Azure needs none; the test of the tool passes."""
    monkeypatch.setattr(function, "requirement", lambda name: name)
    files = {"host.json": HOST_JSON, "function_app.py": V2} if model == "v2" else V1
    root = make_app({**files, "requirements.txt": "azure-functions\n", "requirements-dev.txt": ""})
    _add(root, "Find_order", "mcp")
    assert (root / "requirements.txt").read_text() == "azure-functions\n"
    assert (root / "requirements-dev.txt").read_text() == "hosting-mcp\n"
    runpy.run_path(str(root / "tests" / "test_find_order.py"))["test_tool_greets_the_name_in_its_arguments"]()
