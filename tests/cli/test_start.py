"""``hosting start``: errors of options and of apps. The tests of the processes behind it are in ``tests/runner``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner

from hosting.cli.start import start
from tests.conftest import MakeApp, Serve

RunHosting = Callable[..., "CompletedProcess[str]"]


def test_app_that_does_not_load_exits_with_1(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """The message names the file; with ``--verbose`` the traceback of the app's code is printed, too."""
    app = make_app({"function_app.py": "import nothing_like_this\n", "host.json": '{"version": "2.0"}'})
    plain = run_hosting("start", app, "--port", "0")
    assert plain.returncode == 1
    assert "function_app.py" in plain.stderr
    assert "Traceback" not in plain.stderr
    verbose = run_hosting("start", app, "--port", "0", "--verbose")
    assert verbose.returncode == 1
    assert "Traceback" in verbose.stderr


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [("notes.py", 1, "notes.py is not a file of a function app"), ("nowhere", 2, "there is no folder")],
)
def test_error_of_the_folder_is_in_the_format_of_the_log(path: str, code: int, says: str, tmp_path: Path) -> None:
    """A program that reads the log finds each error in it, also one about the folder that was named."""
    (tmp_path / "notes.py").write_text("")
    for form in ("json", "console"):
        done = CliRunner().invoke(start, [str(tmp_path / path), "--port", "0", "--log-format", form])
        assert (done.exit_code, done.stdout) == (code, "")
        if form == "json":
            (line,) = done.stderr.splitlines()
            assert json.loads(line)["level"] == "error"
            assert says in json.loads(line)["message"]
        else:
            assert done.stderr.startswith("Error: ")
            assert says in done.stderr


def test_key_without_certificate_is_wrong_usage(run_hosting: RunHosting) -> None:
    """A private key alone does not make HTTPS."""
    done = run_hosting("start", "--key", "key.pem")
    assert done.returncode == 2
    assert "--key needs --cert." in done.stderr


def test_problems_of_files_are_reported_also_if_the_app_does_not_load(
    make_app: MakeApp, run_hosting: RunHosting
) -> None:
    """A misspelled section may be why the code finds no setting."""
    files = {
        "function_app.py": "import os\nos.environ['KEY']\n",
        "local.settings.json": '{"IsEncrypted": false,\n"value": {"KEY": "x"}}',
        "host.json": '{"version": "2.0",\n"extensionHosts": {}}',
        "proxies.json": "{}",
    }
    root = make_app(files)
    done = run_hosting("start", root, "--port", "0")
    assert done.returncode == 1
    printed = done.stdout + done.stderr
    assert f"nothing reads 'value' ({root / 'local.settings.json'}:2) Did you mean 'Values'?" in printed
    assert f"({root / 'host.json'}:2) Did you mean 'extensionHost'?" in printed
    assert "proxies.json has no effect" in printed
    assert "KeyError: 'KEY'" in printed


APP_OF_ONE = {
    "shop/host.json": '{"version": "2.0"}',
    "shop/function_app.py": (
        "import azure.functions as func\napp = func.FunctionApp()\n\n\n@app.route('x')\ndef Hello(req): ...\n"
    ),
    "shop/shared/texts.py": "",
}


@pytest.mark.parametrize("path", ["shop/shared", "shop/function_app.py"])
def test_app_is_found_from_a_folder_inside_and_from_its_file(path: str, make_app: MakeApp, serve: Serve) -> None:
    """As with Core Tools, the command need not run in the app's folder."""
    host = serve(make_app(APP_OF_ONE) / path)
    assert "Hello: " in host.logs()
    assert ("The function app is in " in host.logs()) is (path == "shop/shared")


@pytest.mark.parametrize("command", [("diag",), ("keys",), ("check", "--ignore", "APP"), ("diag", "--json")])
@pytest.mark.parametrize("path", ["shop/shared", "shop/function_app.py"])
def test_other_commands_find_the_app_in_the_same_way(
    command: tuple[str, ...], path: str, make_app: MakeApp, run_hosting: RunHosting, tmp_path: Path
) -> None:
    """A person uses them in the same folder."""
    done = run_hosting(*command, make_app(APP_OF_ONE) / path, env={"XDG_STATE_HOME": str(tmp_path / "state")})
    assert done.returncode == 0
    assert "The function app" not in done.stdout
    assert "Hello" in done.stdout or command[0] == "check"


def test_function_is_added_to_the_app_above(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """``hosting new function`` need not run in the app's folder either."""
    root = make_app(APP_OF_ONE)
    done = run_hosting("new", "function", "orders", "--template", "http", "--app-dir", root / "shop" / "shared")
    assert done.returncode == 0
    assert "orders" in (root / "shop" / "function_app.py").read_text()


NAMES = {
    "host.json": """{"version": "2.0", "extensionHost": {"extensions": {
      "tmer": {"settings": {"a": 1}}, "timer": {"functions": {"include": ["Helo"]}}}}}""",
    "function_app.py": """
import azure.functions as func
import hosting

class Audit(func.AppExtensionBase): ...

app = func.FunctionApp()

@app.route("x")
@hosting.use("nothing")
def Hello(req): ...

@app.service_bus_queue_trigger("msg", queue_name="q", connection="C")
def Orders(msg: func.ServiceBusMessage): ...
""",
}


def test_start_says_what_the_diagnosis_knows_about_names_and_triggers(make_app: MakeApp, serve: Serve) -> None:
    """A misspelled name has no effect, which is hard to notice."""
    server = serve(make_app(NAMES), env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    for line in (
        "Function 'Orders' is never triggered",
        "names 'tmer', which is not installed.",
        "functions names 'Helo', which no function matches. Did you mean 'Hello'",
        "Function 'Hello' uses the extension 'nothing', which is not installed.",
    ):
        server.wait_for(line)
    logs = server.logs()
    assert "Orders: serviceBusTrigger (never triggered)" in logs
    assert "Function 'Orders' is never triggered" in logs
    assert logs.count("is never triggered") == 1
    assert "switched off" not in logs


def test_start_says_that_classes_of_azures_interface_are_not_called(make_app: MakeApp, serve: Serve) -> None:
    """The app imports them, and extensions are switched off."""
    server = serve(make_app(NAMES))
    server.wait_for("Extensions are switched off, and the app has classes of Azure's interface: function_app.Audit.")
    server.wait_for("Set PYTHON_ENABLE_WORKER_EXTENSIONS=1")


def test_unknown_function_keeps_its_spelling_in_the_message(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """The right name is suggested."""
    done = run_hosting("start", make_app(NAMES), "--functions", "HELO,Orders", "--port", "0")
    assert done.returncode == 1
    assert "the app has no function called 'HELO'." in done.stderr
    assert "Did you mean 'Hello'? It has Hello, Orders." in done.stderr


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ('"functionTimeout":\n"soon"', 2),
        ('"extensions": {"http": {\n"customHeaders": {"X\\u0000": "a"}}}', 3),
        ('"extensionHost": {"order": [],\n"budgets": {\n"hok": 1}}', 4),
        ('"extensionHost": {\n"Order": "a"}', 3),
        ('"extensions": {"http": {\n"hsts": {"isEnabled": true,\n"MaxAge": "x"}}}', 4),
    ],
)
def test_value_of_host_json_that_cannot_be_used_has_its_line(
    section: str, place: int, make_app: MakeApp, run_hosting: RunHosting
) -> None:
    """Whatever part of the host refuses it."""
    app = make_app({**NAMES, "host.json": f'{{"version": "2.0",\n{section}}}'})
    done = run_hosting("start", app, "--port", "0")
    assert done.returncode == 1
    assert f"{app / 'host.json'}:{place}: host.json: " in done.stderr
