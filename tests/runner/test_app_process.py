"""The process of a function app, as under Azure's Core Tools: folder, path, environment, logs, state."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

from tests.conftest import MakeApp, Serve

HEAD = 'import azure.functions as func\napp = func.FunctionApp(http_auth_level="ANONYMOUS")\n'
HOST_JSON = '{"version": "2.0"}'
FUNCTION_JSON = """{"bindings": [
    {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
    {"type": "http", "direction": "out", "name": "$return"}]}"""


def test_app_runs_in_its_folder_with_azures_variables(make_app: MakeApp, serve: Serve) -> None:
    """The working directory is the app's folder, and the environment has its address."""
    code = f"""{HEAD}
import json, os
at_import = os.getcwd()
@app.route("look")
def look(req: func.HttpRequest) -> str:
    names = ("WEBSITE_HOSTNAME", "AzureWebJobsScriptRoot", "PYTHON_ENABLE_DEBUG_LOGGING", "AZURE_FUNCTIONS_ENVIRONMENT")
    return " ".join([at_import, os.getcwd(), open("host.json").read(), *(os.environ[name] for name in names)])
"""
    app = make_app({"host.json": '{"version":"2.0"}', "function_app.py": code})
    server = serve(app)
    expected = [app, app, '{"version":"2.0"}', server.url.removeprefix("http://"), app, "1", "Development"]
    assert server.get("/api/look").text == " ".join(map(str, expected))


def test_debug_logging_of_local_settings_is_kept(make_app: MakeApp, serve: Serve) -> None:
    """A value in local.settings.json is kept."""
    code = f"{HEAD}import os\n@app.route('look')\ndef look(req): return os.environ['PYTHON_ENABLE_DEBUG_LOGGING']\n"
    settings = '{"Values": {"PYTHON_ENABLE_DEBUG_LOGGING": "no"}}'
    server = serve(make_app({"host.json": HOST_JSON, "function_app.py": code, "local.settings.json": settings}))
    assert server.get("/api/look").text == "no"


def test_module_globals_are_shared_by_all_invocations(make_app: MakeApp, serve: Serve) -> None:
    """Module globals are kept from one invocation to the next and shared by all functions."""
    code = f"""{HEAD}
calls = []
@app.route("one")
def one(req: func.HttpRequest) -> str:
    calls.append("one")
    return str(len(calls))
@app.route("two")
async def two(req: func.HttpRequest) -> str:
    calls.append("two")
    return str(len(calls))
"""
    server = serve(make_app({"host.json": HOST_JSON, "function_app.py": code}))
    assert [server.get(f"/api/{name}").text for name in ("one", "two", "one")] == ["1", "2", "3"]


def test_context_parameter_is_passed_by_name_in_any_position(make_app: MakeApp, serve: Serve) -> None:
    """``context`` is passed by name, first or last, annotated or not, sync or async, in both models."""
    declarations = {
        "first": "def first(context, req: func.HttpRequest) -> str:",
        "last": "def last(req: func.HttpRequest, context: func.Context) -> str:",
        "keyword": "async def keyword(*, context: func.Context, req) -> str:",
    }
    body = "\n    return context.function_name + ' ' + str(len(context.invocation_id))\n"
    code = HEAD + "".join(f"@app.route('{name}')\n{head}{body}" for name, head in declarations.items())
    server = serve(make_app({"host.json": HOST_JSON, "function_app.py": code}))
    assert [server.get(f"/api/{name}").text for name in declarations] == [f"{name} 36" for name in declarations]
    v1 = {
        f"{name}/{file}": text
        for name, head in declarations.items()
        for file, text in (
            ("function.json", FUNCTION_JSON),
            ("__init__.py", "import azure.functions as func\n" + head.replace(f"def {name}", "def main") + body),
        )
    }
    server = serve(make_app({"host.json": HOST_JSON, **v1}))
    assert [server.get(f"/api/{name}").text for name in declarations] == [f"{name} 36" for name in declarations]


def test_log_records_of_tasks_and_threads_have_their_invocation(make_app: MakeApp, serve: Serve) -> None:
    """Records of the function, its tasks, and a thread that sets the invocation id have their invocation."""
    code = f"""{HEAD}
import asyncio, logging, threading
@app.route("work")
async def work(req: func.HttpRequest, context: func.Context) -> str:
    def log(has_id):
        if has_id:
            context.thread_local_storage.invocation_id = context.invocation_id
        logging.getLogger("lib").warning("with id" if has_id else "without id")
    for has_id in (True, False):
        thread = threading.Thread(target=log, args=(has_id,))
        thread.start()
        thread.join()
    async def task():
        logging.warning("task")
    await asyncio.gather(task(), asyncio.to_thread(logging.warning, "pooled"))
    logging.warning("function")
    return context.invocation_id
"""
    server = serve(make_app({"host.json": HOST_JSON, "function_app.py": code}), "--log-format", "json")
    invocation = server.get("/api/work").text
    server.stop()
    lines = {line["message"]: line for line in map(json.loads, server.logs().splitlines())}
    for message in ("with id", "task", "pooled", "function"):
        assert (lines[message]["invocation_id"], lines[message]["category"]) == (invocation, "Function.work.User")
    assert "invocation_id" not in lines["without id"]
    assert lines["without id"]["category"] == "lib"


def test_print_is_flushed_while_the_function_runs(make_app: MakeApp, serve: Serve) -> None:
    """Printed text is on the host's output while the function still runs, even without a terminal."""
    code = f"""{HEAD}
import sys, threading
event = threading.Event()
@app.route("speak")
def speak(req: func.HttpRequest) -> str:
    print("to you")
    print("to you too", file=sys.stderr)
    event.wait(60)
    return "spoken"
@app.route("go")
async def go(req: func.HttpRequest) -> str:
    event.set()
    return ""
"""
    server = serve(make_app({"host.json": HOST_JSON, "function_app.py": code}))
    thread = threading.Thread(target=server.get, args=("/api/speak",))
    thread.start()
    server.wait_for("to you\n(.|\n)*to you too\n")
    server.get("/api/go")
    thread.join()


def test_script_file_name_of_the_settings_selects_the_v2_file(make_app: MakeApp, serve: Serve) -> None:
    """``PYTHON_SCRIPT_FILE_NAME`` selects the v2 file, in the settings as in the environment."""
    files = {
        "host.json": HOST_JSON,
        "main.py": HEAD + "@app.route('main')\ndef main(req): return 'main'\n",
        "function_app.py": HEAD + "@app.route('usual')\ndef usual(req): return 'usual'\n",
    }
    server = serve(make_app({**files, "local.settings.json": '{"Values": {"PYTHON_SCRIPT_FILE_NAME": "main.py"}}'}))
    assert (server.get("/api/main").text, server.get("/api/usual").status_code) == ("main", 404)


def test_v1_folders_next_to_a_v2_file_are_not_loaded_with_a_warning(make_app: MakeApp, serve: Serve) -> None:
    """The folders of v1 next to a v2 file are not loaded, and a warning names them."""
    files = {
        "host.json": HOST_JSON,
        "function_app.py": HEAD + "@app.route('new')\ndef new(req): return 'new'\n",
        "Old/function.json": FUNCTION_JSON,
        "Old/__init__.py": "def main(req): return 'old'\n",
    }
    server = serve(make_app(files))
    server.wait_for("WARNING these folders with a function.json are not loaded.*: Old")
    assert (server.get("/api/new").text, server.get("/api/Old").status_code) == ("new", 404)


def test_import_from_the_app_namespace_warns_once(make_app: MakeApp, serve: Serve) -> None:
    """Importing from ``__app__`` works, and one warning says where it is deprecated."""
    files = {
        "host.json": HOST_JSON,
        "shared/text.py": "TEXT = 'shared'\n",
        **{f"{name}/function.json": FUNCTION_JSON for name in ("A", "B", "C")},
        "A/__init__.py": "import logging\nfrom __app__.shared.text import TEXT\ndef main(req): return TEXT\n",
        "B/__init__.py": "from __app__.shared import text\ndef main(req): return text.TEXT\n",
        "C/__init__.py": "from shared.text import TEXT\nfrom ..shared import text\ndef main(req): return TEXT\n",
    }
    server = serve(make_app(files))
    assert [server.get(f"/api/{name}").text for name in ("A", "B", "C")] == ["shared"] * 3
    server.wait_for("importing from __app__ is deprecated")
    assert len(re.findall("__app__ is deprecated", server.logs())) == 1
    assert "A/__init__.py:2" in server.logs()


def test_extension_in_python_packages_is_loaded(make_app: MakeApp, serve: Serve) -> None:
    """An extension in ``.python_packages`` is loaded, like any other package there."""
    packages = ".python_packages/lib/site-packages"
    files = {
        "host.json": HOST_JSON,
        "function_app.py": HEAD + "import bundled\n@app.route('x')\ndef x(req): return bundled.__file__\n",
        f"{packages}/bundled.py": "import hosting, logging\n@hosting.hookimpl\ndef init(): print('bundled is here')\n",
        f"{packages}/bundled-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: bundled\nVersion: 1.0\n",
        f"{packages}/bundled-1.0.dist-info/entry_points.txt": "[hosting]\ncarried = bundled\n",
    }
    app = make_app(files)
    server = serve(app, env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    assert "bundled is here" in server.logs()
    assert Path(server.get("/api/x").text) == app / packages / "bundled.py"
