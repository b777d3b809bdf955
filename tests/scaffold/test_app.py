"""What ``hosting new app`` and ``hosting new function`` make: apps that run, and that every tool accepts."""

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
    """What mypy found out about the libraries, which is the same for every app."""
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize("kinds", [(), *((kind,) for kind in KINDS), KINDS], ids=lambda kinds: "+".join(kinds) or "new")
@pytest.mark.parametrize("model", MODELS)
def test_every_tool_accepts_an_app(
    tmp_path: Path, mypy_cache: Path, run_hosting: RunHosting, model: str, kinds: tuple[str, ...]
) -> None:
    """A new app, and one to which functions were added: ruff, mypy (strict), its tests and our check."""
    root = _make(tmp_path, run_hosting, model, kinds)
    _run(root, "ruff", "check", "--no-cache")
    _run(root, "ruff", "format", "--check", "--no-cache")
    _run(root, "mypy", "--cache-dir", str(mypy_cache))
    tested = _run(root, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio")
    assert f"{1 + len(kinds)} passed" in tested
    checked = run_hosting("check", root)
    assert (checked.returncode, checked.stdout) == (0, "Checked a function app: no problems found.\n"), checked.stdout


@pytest.mark.parametrize("model", MODELS)
def test_long_names_make_no_long_lines(tmp_path: Path, run_hosting: RunHosting, model: str) -> None:
    """Functions with sixty characters in their names satisfy the linter and the formatter, and pass their tests."""
    root = _make(tmp_path, run_hosting, model, ())
    for kind in KINDS:
        name = kind + "_" + "l" * (59 - len(kind))
        assert run_hosting("new", "function", name, "--template", kind, "--app-dir", root).returncode == 0
    _run(root, "ruff", "check", "--no-cache")
    _run(root, "ruff", "format", "--check", "--no-cache")
    assert "5 passed" in _run(root, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio")


@pytest.mark.parametrize("model", MODELS)
def test_a_new_app_is_served(tmp_path: Path, run_hosting: RunHosting, serve: Serve, model: str) -> None:
    """The app answers as its README says, the added function too, and all functions are listed."""
    root = _make(tmp_path, run_hosting, model, KINDS)
    served = serve(root, env=SETTINGS)
    assert served.get("/api/hello?name=Ada").text == "Hello, Ada."
    assert served.get("/api/Orders_http").text == "Hello, world."
    assert "Orders_timer: timerTrigger" in served.logs()
    served.wait_for("Function Orders_queue is disabled")


@pytest.mark.parametrize("model", MODELS)
def test_the_same_words_make_the_same_bytes(tmp_path: Path, run_hosting: RunHosting, model: str) -> None:
    """Twice the same commands, twice the same files."""
    first, second = (_make(tmp_path / name, run_hosting, model, KINDS) for name in ("one", "two"))
    names = {path.relative_to(first) for path in first.rglob("*") if path.is_file()}
    assert names == {path.relative_to(second) for path in second.rglob("*") if path.is_file()}
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_secrets_stay_on_the_machine(tmp_path: Path, run_hosting: RunHosting) -> None:
    """Settings with secrets are neither put under version control nor deployed."""
    root = _make(tmp_path, run_hosting, "v2", ())
    for name in (".gitignore", ".funcignore"):
        assert "local.settings.json" in (root / name).read_text().splitlines()
