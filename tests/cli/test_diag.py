"""``hosting diag``: the document, the tables, the compiled hooks of a function."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from hosting.cli.diag import _print_tables
from hosting.testing import make_host
from tests.conftest import MakeApp

RunHosting = Callable[..., "CompletedProcess[str]"]
ON = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
FILES = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import azure.functions as func
from azure.functions import AppExtensionBase

class Audit(AppExtensionBase):
    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args, *args, **kwargs):
        print("noise")

app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("Hello")
def Hello(req: func.HttpRequest) -> str:
    return "x"
""",
}

NOISY_APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import os, sys
import azure.functions as func
print("noise")
os.write(1, b"more noise\\n")
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("Hello")
def Hello(req: func.HttpRequest) -> str:
    return "x"

@app.generic_trigger("thing", type="thingTrigger")
def Strange(thing) -> None: ...
""",
}


@pytest.fixture
def app(make_app: MakeApp) -> Path:
    return make_app(FILES)


def test_json_is_one_document_whatever_the_app_prints(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """The app's output is on standard error, and its problems are in the document."""
    done = run_hosting("diag", make_app(NOISY_APP), "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert "noise" in done.stderr
    assert [function["name"] for function in document["functions"]] == ["Hello", "Strange"]
    problem = next(one for one in document["problems"] if one["severity"] == "error")
    assert set(problem) == {"severity", "message", "remedy"}
    assert "thingTrigger" in problem["message"]


def test_tables_show_extensions_functions_and_problems(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """Each problem is followed by its remedy."""
    done = run_hosting("diag", make_app(NOISY_APP), env=ON)
    assert done.returncode == 0
    for text in ("Extensions", "Functions", "Hello", "httpTrigger", "v2", "thingTrigger", "install a package"):
        assert text in done.stdout


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_app_that_does_not_load_exits_with_1(make_app: MakeApp, run_hosting: RunHosting, arguments: list[str]) -> None:
    """There is still a document, with the error among the problems."""
    done = run_hosting("diag", make_app({"function_app.py": "import nothing_like_this\n"}), *arguments)
    assert done.returncode == 1
    assert "nothing_like_this" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    if arguments:
        assert json.loads(done.stdout)["schema_version"] == 1


def test_a_chain_is_printed_as_python_source(app: Path, run_hosting: RunHosting) -> None:
    """Standard output is the source of the hooks with a comment before it, and nothing else."""
    done = run_hosting("diag", app, "--chain", "hello", env=ON)
    assert done.returncode == 0
    assert done.stdout.startswith("# The sync chain of function 'Hello'.\ndef chain(context, func_args):\n")
    assert "# pre_invocation_app_level of 'Audit'\n" in done.stdout
    compile(done.stdout, "chain", "exec")


def test_with_json_the_chain_is_a_key_of_the_document(app: Path, run_hosting: RunHosting) -> None:
    """The document has everything that it has without the option."""
    document = json.loads(run_hosting("diag", app, "--chain", "Hello", "--json", env=ON).stdout)
    assert document["chain"]["function"] == "Hello"
    assert document["chain"]["source"].startswith("def chain(context, func_args):\n")
    assert "Audit" in document["_info"]["AppExtension"]


@pytest.mark.parametrize(
    ("name", "env", "message"),
    [
        ("Helo", ON, "the app has no function 'Helo'\n  Did you mean 'Hello'?\n"),
        ("Hello", {}, "function 'Hello' has no chain: extensions are switched off\n"),
    ],
)
def test_without_a_chain_the_command_fails_with_the_reason(
    app: Path, run_hosting: RunHosting, name: str, env: dict[str, str], message: str
) -> None:
    """The reason is on standard error, or with ``--json`` among the problems; the exit code is 1."""
    plain = run_hosting("diag", app, "--chain", name, env=env)
    assert (plain.returncode, plain.stdout) == (1, "")
    assert message in plain.stderr
    as_json = run_hosting("diag", app, "--chain", name, "--json", env=env)
    document = json.loads(as_json.stdout)
    assert (as_json.returncode, document["chain"]) == (1, None)
    assert message.partition("\n")[0] in [problem["message"] for problem in document["problems"]]


def test_an_app_that_does_not_load_fails_with_its_own_error(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """What is wrong with the app is printed in place of the chain."""
    done = run_hosting("diag", make_app({"function_app.py": "import nothing_like_this\n"}), "--chain", "Hello", env=ON)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing_like_this" in done.stderr


def test_a_chain_and_verification_need_json(app: Path, run_hosting: RunHosting) -> None:
    """Only the document has room for both."""
    done = run_hosting("diag", app, "--chain", "Hello", "--verify")
    assert done.returncode == 2
    assert "add --json" in done.stderr
    both = json.loads(run_hosting("diag", app, "--chain", "Hello", "--verify", "--json", env=ON).stdout)
    assert both.keys() >= {"chain", "verification"}


CODE_OF_ONE = """
@app.route("one")
def one(req: func.HttpRequest) -> str:
    return "one"
"""
ADDING = """
import hosting
import azure.functions as func

class Adding:
    @hosting.hookimpl
    def prepare(self, app):
        app.add_route("more", lambda request: "more", name="more")
        app.add_health("disk", lambda: None)
        app.add_task(self.work, name="work")
        app.services.add(dict, dict)

    async def work(self): ...

hosting.extension(Adding, name="adding")
app = func.FunctionApp()
"""


def test_tables_show_what_extensions_add(capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind has a table if there is any of it, and a function shows which extension has added it."""
    with make_host({"function_app.py": f"{ADDING}{CODE_OF_ONE}"}) as host:
        document = host.diagnosis()
    _print_tables(document, sys.stdout)
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "more httpTrigger v2 adding" in shown
    assert "one httpTrigger v2" in shown
    assert "disk adding unknown" in shown
    assert {"Services", "Health checks", "Tasks"} <= {*shown}
    assert "Commands" not in shown
    assert "builtins.dict adding unused" in shown
