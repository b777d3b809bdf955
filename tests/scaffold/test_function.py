"""Adding functions to apps that somebody else wrote."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from hosting._install import install_command
from hosting.errors import HostingError
from hosting.scaffold.function import add_function, find_app
from hosting.scaffold.writer import write
from tests.conftest import MakeApp, Serve

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

# Imports of a file, and those that it has afterwards, with a gap after the standard library's.
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
def test_a_function_speaks_as_its_file_speaks(make_app: MakeApp, head: str, decorator: str) -> None:
    """It uses what the file calls the app and Azure's module, and its own test passes."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": f"{head}\n"})
    _add(root, "hello")
    assert decorator in _script(root)
    assert "1 passed" in _run_tests(root)


@pytest.mark.parametrize(("imports", "expected"), IMPORTS.items())
def test_the_import_that_is_missing_is_put_where_it_belongs(make_app: MakeApp, imports: str, expected: str) -> None:
    """Sorted imports stay sorted, and nothing is imported twice."""
    azure = "import azure.functions as func\n\napp = func.FunctionApp()\n"
    root = make_app({"host.json": HOST_JSON, "function_app.py": imports.format(azure=azure)})
    _add(root, "tick", "timer")
    assert _script(root).startswith(expected.format(azure=azure))


def test_line_ends_stay_as_they_are(make_app: MakeApp) -> None:
    """A file from Windows gets lines as it has them."""
    root = make_app({"host.json": HOST_JSON})
    (root / "function_app.py").write_bytes(V2.replace("\n", "\r\n").encode())
    _add(root, "hello")
    assert _script(root).count("\n") == _script(root).count("\r\n") > 5


# What editors, and people who page through their files, put into them, besides ends of lines.
ODD = {
    "mark": "\ufeff{0}",
    "mark and a docstring": '\ufeff"""Doc."""\n\n{0}',
    "mark on Windows": "\ufeff{0}",
    "form feed": '"""Doc."""\n\x0c\n{0}\n\x0c\nPAGE = "a"\n',
    "separators in texts": '{0}\nTEXT = """a\u2028b\x0bc\x1cd\x85e\n"""\n',
    "all in a line": "import azure.functions as func; app = func.FunctionApp()",
}


@pytest.mark.parametrize("case", ODD)
def test_only_what_is_added_changes_a_file(make_app: MakeApp, case: str) -> None:
    """Without the lines that were added it is, byte for byte, the file that it was; and the function works."""
    root = make_app({"host.json": HOST_JSON})
    written = ODD[case].format(V2).replace("\n", "\r\n" if "Windows" in case else "\n").encode()
    (root / "function_app.py").write_bytes(written)
    _add(root, "hello")
    lines = (root / "function_app.py").read_bytes().partition(b"@app.route")[0]
    assert lines.replace(b"import logging\r\n\r\n", b"").replace(b"import logging\n\n", b"").strip() == written.strip()
    assert "1 passed" in _run_tests(root)


def test_every_line_keeps_its_own_end(make_app: MakeApp) -> None:
    """A file whose lines end in two ways is not made another one in passing."""
    written = b"import logging\n\nimport azure.functions as func\r\n\r\napp = func.FunctionApp()"
    root = make_app({"host.json": HOST_JSON})
    (root / "function_app.py").write_bytes(written)
    _add(root, "hello")
    assert (root / "function_app.py").read_bytes().startswith(written)


@pytest.mark.parametrize("name", ["count", "Inner", "logger"])
def test_names_inside_of_functions_and_classes_are_free(make_app: MakeApp, name: str) -> None:
    """A function of that name replaces nothing."""
    script = (
        f"{V2}\n\ndef helper() -> int:\n    import logger\n    count = logger.count\n    return count\n\n\n"
        "class Outer:\n    class Inner: ...\n"
    )
    root = make_app({"host.json": HOST_JSON, "function_app.py": script})
    _add(root, name)
    assert f"def {name}(req" in _script(root)


def test_what_is_in_the_file_stays(make_app: MakeApp) -> None:
    """The text before is a part of the text after, comments and all."""
    written = "# mine\nimport logging\n\nimport azure.functions as func\n\napp = func.FunctionApp()  # mine too\n\n\n\n"
    root = make_app({"host.json": HOST_JSON, "function_app.py": written})
    _add(root, "hello")
    assert _script(root).startswith(written.rstrip("\n"))


@pytest.mark.parametrize("name", ["app", "func", "logging", "orders", "ORDERS", "Placed", "helper", "found", "match"])
def test_names_that_are_in_use_are_refused(make_app: MakeApp, name: str) -> None:
    """A function would replace what has its name in the file; and names of functions compare ignoring case."""
    script = (
        f"{V2}found = 1\nif (match := found):\n    pass\n\n\ndef helper() -> None: ...\n\n\n"
        '@app.function_name("Placed")\n@app.route()\ndef orders(req: func.HttpRequest) -> str: ...\n'
    )
    root = make_app({"host.json": HOST_JSON, "function_app.py": script})
    if name == "ORDERS":  # its function is called Placed: only the name in Python is taken
        _add(root, name)
        return
    with pytest.raises(HostingError, match=r"(?i)choose another name"):
        _add(root, name)
    assert _script(root) == script


def test_a_function_in_a_blueprint_counts(make_app: MakeApp) -> None:
    """Names are unique in the whole app, whichever file declares them."""
    blueprint = "import azure.functions as func\n\nbp = func.Blueprint()\n\n\n@bp.route()\ndef hello(req): ...\n"
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2, "orders.py": blueprint})
    with pytest.raises(HostingError, match="a function called 'hello' already"):
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
def test_files_that_cannot_be_added_to(make_app: MakeApp, script: str, message: str) -> None:
    """The message names the file, and the line to write or to correct."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": script})
    with pytest.raises(HostingError, match=message):
        _add(root, "hello")
    assert _script(root) == script
    assert not (root / "tests").exists()


def test_the_model_is_found_out(make_app: MakeApp) -> None:
    """v2 by its file, under whatever name the settings give it; v1 by its folders, or where there is nothing yet."""
    settings = '{"IsEncrypted": false, "Values": {"PYTHON_SCRIPT_FILE_NAME": "main.py"}}'
    elsewhere = make_app({"host.json": HOST_JSON, "main.py": V2, "local.settings.json": settings})
    _add(elsewhere, "hello")
    assert "def hello" in _script(elsewhere, "main.py")
    for v1 in (make_app(V1), make_app({"host.json": HOST_JSON}), make_app({**V1, "function_app.py": V2})):
        _add(v1, "More")
        assert (v1 / "More" / "function.json").is_file()
        assert not (v1 / "function_app.py").exists() or _script(v1) == V2


def test_where_there_is_no_app_nothing_is_added(make_app: MakeApp, tmp_path: Path) -> None:
    """The message says what to do instead."""
    for root in (make_app({"README.md": ""}), tmp_path / "nowhere"):
        with pytest.raises(HostingError, match="--app-dir"):
            find_app(root)


def test_a_v1_function_is_replaced_only_by_force(make_app: MakeApp) -> None:
    """Without it nothing changes; with it the folder's files are new, and what else is in the folder stays."""
    root = make_app({**V1, "Hello/data.txt": "mine"})
    with pytest.raises(HostingError, match="already"):
        _add(root, "Hello")
    assert (root / "Hello" / "__init__.py").read_text() == V1["Hello/__init__.py"]
    _add(root, "Hello", "timer", force=True)
    assert "timerTrigger" in (root / "Hello" / "function.json").read_text()
    assert (root / "Hello" / "data.txt").read_text() == "mine"


def test_a_folder_with_other_things_becomes_no_function(make_app: MakeApp) -> None:
    """Code that functions share is not made a function by accident."""
    root = make_app({**V1, "shared/wording.py": ""})
    with pytest.raises(HostingError, match="there is a folder shared already"):
        _add(root, "shared")
    assert [path.name for path in (root / "shared").iterdir()] == ["wording.py"]


def test_a_test_of_that_name_is_not_overwritten(make_app: MakeApp) -> None:
    """All or nothing: the app's own file is not changed either."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2, "tests/test_hello.py": "mine\n"})
    with pytest.raises(HostingError, match=r"tests/test_hello\.py"):
        _add(root, "hello")
    assert _script(root) == V2


@pytest.mark.parametrize(
    ("files", "changed"),
    [
        ({"requirements.txt": "azure-functions"}, {"requirements.txt": "azure-functions\nhosting-storage\n"}),
        ({"requirements.txt": "a\n", "requirements-dev.txt": ""}, {"requirements-dev.txt": "hosting-storage\n"}),
        ({"requirements.txt": "hosting-storage>=0.1\n", "requirements-dev.txt": "b\n"}, {}),
        ({"requirements.txt": "Hosting_Storage\n"}, {}),
        ({"requirements.txt": "# hosting-storage\n"}, {"requirements.txt": "# hosting-storage\nhosting-storage\n"}),
        ({}, {}),
    ],
)
def test_what_serves_queues_is_required(make_app: MakeApp, files: dict[str, str], changed: dict[str, str]) -> None:
    """The list of what is needed on this machine gets the package, unless a list has it or there is none."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2, **files})
    added = add_function(find_app(root), "work", "queue")
    assert {name: text for name, text in added.changes.items() if name != "function_app.py"} == changed
    assert install_command("hosting-storage") in added.steps


def test_a_list_of_requirements_stays_as_it_was_written(make_app: MakeApp) -> None:
    """On Windows with its ends of lines; and what is not UTF-8 is told, before anything is written."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2})
    (root / "requirements.txt").write_bytes(b"azure-functions\r\nrequests")
    _add(root, "work", "queue")
    assert (root / "requirements.txt").read_bytes() == b"azure-functions\r\nrequests\r\nhosting-storage\r\n"
    (root / "requirements.txt").write_text("azure-functions\n", "utf-16")
    with pytest.raises(HostingError, match=r"requirements\.txt: .*\n.*Save the file as UTF-8"):
        _add(root, "more", "blob")
    assert "more" not in _script(root)


def test_the_test_knows_the_route_prefix(make_app: MakeApp) -> None:
    """The prefix of the app's host.json stands in the path that the test calls."""
    for prefix in ("", "v1/things"):
        host_json = f'{{"version": "2.0", "extensions": {{"http": {{"routePrefix": "{prefix}"}}}}}}'
        root = make_app({"host.json": host_json, "function_app.py": V2})
        _add(root, "hello")
        assert "1 passed" in _run_tests(root)


def test_a_function_whose_name_python_cannot_spell(make_app: MakeApp, serve: Serve) -> None:
    """It is declared by its name, and answers under it."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2})
    for name in ("Order-Report", "list"):
        _add(root, name)
    assert "2 passed" in _run_tests(root)
    served = serve(root)
    for name in ("Order-Report", "list"):
        assert served.get(f"/api/{name}?name=Ada").text == "Hello, Ada."


def test_the_command_says_what_it_did_and_what_is_left(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """Changed and new files by their names, then the next steps."""
    root = make_app({"host.json": HOST_JSON, "function_app.py": V2, "requirements.txt": ""})
    done = run_hosting("new", "function", "work", "--template", "queue", "--app-dir", root)
    assert done.stdout.splitlines() == [
        "Added work:",
        "  requirements.txt (changed)",
        "  function_app.py (changed)",
        "  tests/test_work.py",
        "Next:",
        f"  {install_command('hosting-storage')}",
        "  set AzureWebJobsStorage in local.settings.json; UseDevelopmentStorage=true is Azurite on this machine",
        "  pytest",
    ]
