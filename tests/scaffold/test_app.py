"""Apps that ``hosting new app`` and ``hosting new function`` create: they run, and every tool accepts them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import Serve

RunHosting = Callable[..., "CompletedProcess[str]"]
MODELS = ("v1", "v2")
KINDS = ("http", "timer", "queue", "blob")
SETTINGS = {
    "AzureWebJobsStorage": "",
    "AzureWebJobs_Orders_queue_Disabled": "1",
    "AzureWebJobs_Orders_blob_Disabled": "1",
}


def _run(root: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


def _make(folder: Path, run_hosting: RunHosting, model: str, kinds: tuple[str, ...]) -> Path:
    root = folder / "greeter"
    commands = [("app", "greeter", "--model", model, "--dir", str(root))]
    commands += [("function", f"Orders_{kind}", "--template", kind, "--app-dir", str(root)) for kind in kinds]
    for command in commands:
        done = run_hosting("new", *command)
        assert (done.returncode, done.stderr) == (0, "")
    return root


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of what mypy knows about libraries, which all apps share."""
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize(
    "kinds",
    [*(pytest.param(kinds, marks=pytest.mark.long) for kinds in ((), *((kind,) for kind in KINDS))), KINDS],
    ids=lambda kinds: "+".join(kinds) or "new",
)
@pytest.mark.parametrize("model", MODELS)
def test_every_tool_accepts_a_new_app(
    tmp_path: Path, mypy_cache: Path, run_hosting: RunHosting, model: str, kinds: tuple[str, ...]
) -> None:
    """ruff, mypy (strict), the app's tests and ``hosting check`` find no problem, also after functions were added."""
    root = _make(tmp_path, run_hosting, model, kinds)
    _run(root, "ruff", "check", "--no-cache")
    _run(root, "ruff", "format", "--check", "--no-cache")
    _run(root, "mypy", "--cache-dir", str(mypy_cache))
    tested = _run(root, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio")
    assert f"{1 + len(kinds)} passed" in tested
    checked = run_hosting("check", root)
    assert (checked.returncode, checked.stdout) == (0, "Checked a function app: no problems found.\n"), checked.stdout


@pytest.mark.parametrize("model", [pytest.param("v1", marks=pytest.mark.long), "v2"])
def test_linter_formatter_and_types_accept_orchestrations_and_tools(
    tmp_path: Path, mypy_cache: Path, run_hosting: RunHosting, model: str
) -> None:
    """ruff and mypy (strict) find no problem; a second orchestration adds no second section for mypy."""
    root = _make(tmp_path, run_hosting, model, ("durable", "mcp"))
    assert run_hosting("new", "function", "Again", "--template", "durable", "--app-dir", root).returncode == 0
    _run(root, "ruff", "check", "--no-cache")
    _run(root, "ruff", "format", "--check", "--no-cache")
    _run(root, "mypy", "--cache-dir", str(mypy_cache))


@pytest.mark.parametrize("model", MODELS)
def test_long_function_names_pass_linter_formatter_and_tests(
    tmp_path: Path, run_hosting: RunHosting, model: str
) -> None:
    """With names of sixty characters, no line is too long."""
    root = _make(tmp_path, run_hosting, model, ())
    for kind in KINDS:
        name = kind + "_" + "l" * (59 - len(kind))
        assert run_hosting("new", "function", name, "--template", kind, "--app-dir", root).returncode == 0
    _run(root, "ruff", "check", "--no-cache")
    _run(root, "ruff", "format", "--check", "--no-cache")
    assert "5 passed" in _run(root, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio")


@pytest.mark.parametrize("model", MODELS)
def test_new_app_is_served(tmp_path: Path, run_hosting: RunHosting, serve: Serve, model: str) -> None:
    """The app responds as its README says, and so does an added function; all functions are listed."""
    root = _make(tmp_path, run_hosting, model, KINDS)
    served = serve(root, env=SETTINGS)
    assert served.get("/api/hello?name=Ada").text == "Hello, Ada."
    assert served.get("/api/Orders_http").text == "Hello, world."
    assert "Orders_timer: timerTrigger" in served.logs()
    served.wait_for("Function Orders_queue is disabled")


@pytest.mark.parametrize("model", MODELS)
def test_same_commands_create_the_same_files(tmp_path: Path, run_hosting: RunHosting, model: str) -> None:
    """Files are equal byte for byte."""
    first, second = (_make(tmp_path / name, run_hosting, model, KINDS) for name in ("one", "two"))
    names = {path.relative_to(first) for path in first.rglob("*") if path.is_file()}
    assert names == {path.relative_to(second) for path in second.rglob("*") if path.is_file()}
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_settings_are_excluded_from_git_and_deployment(tmp_path: Path, run_hosting: RunHosting) -> None:
    """``local.settings.json`` may contain secrets."""
    root = _make(tmp_path, run_hosting, "v2", ())
    for name in (".gitignore", ".funcignore"):
        assert "local.settings.json" in (root / name).read_text().splitlines()
