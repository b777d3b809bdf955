"""Projects that ``hosting new extension`` creates: every tool accepts them as they are."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, get_args

import pytest
import yaml

from hosting import hookspecs
from hosting.scaffold.extension import Level, chosen_hooks, extension_files, full_name, hooks_of
from hosting.scaffold.names import MAX_NAME_LENGTH, extension_names
from hosting.scaffold.writer import write
from tests.docs.terminal import virtual_environment

RunHosting = Callable[..., "CompletedProcess[str]"]
LEVELS: tuple[Level, ...] = get_args(Level)

# The shortest and the longest name: the formatter must accept the lines of both.
NAMES = ("a", "l-" * (MAX_NAME_LENGTH // 2 - 1) + "ng")

WHOLE = {
    f"{level}-{'async' if is_async else 'sync'}-{'all' if hooks else 'default'}": (level, is_async, hooks)
    for level, is_async in itertools.product(LEVELS, (False, True))
    for hooks in ((), hooks_of(level))
}
SAME = {"prepare", "binding_error", "gave_up", "invocation_end", "response_sent"}
"""Hooks that have no function level of their own."""
SINGLE = {
    f"{level}-{hook}": (level, hook)
    for level in LEVELS
    for hook in hooks_of(level)
    if level == "app" or hook not in SAME
}


OFTEN = {"app-sync-default", "function-async-all", "app-pre_invocation", "function-invocation_error"}
"""What make test looks at; make long looks at the others."""


def _cases(known: Iterable[str]) -> list[Any]:
    return [case if case in OFTEN else pytest.param(case, marks=pytest.mark.long) for case in known]


class Projects:
    """A folder of projects, and an environment into which all of them are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = virtual_environment(folder / "venv")
        self._names: dict[str, str] = {}

    def path(self, case: str) -> Path:
        return self.folder / case / f"hosting-{self._names[case]}"

    def make(self, case: str, name: str, level: Level, hooks: tuple[str, ...], *, is_async: bool = False) -> None:
        names = extension_names(name)
        self._names[case] = names.name
        files = extension_files(names, level, chosen_hooks(hooks, level), is_async=is_async)
        write(self.path(case), files)

    def install(self) -> None:
        editable = [part for case in self._names for part in ("--editable", str(self.path(case)))]
        self.run(self.folder, "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", *editable)

    def run(self, where: Path, module: str, *arguments: str) -> str:
        python = sys.executable if module == "ruff" else str(self.python)  # its binary is where it was installed
        command = [python, "-m", module, *arguments]
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{module} in {where}\n{done.stdout}{done.stderr}"
        return done.stdout

    def check(self, case: str, *tools: str) -> None:
        """Run tools on a project as its README and its workflow do."""
        cache = str(self.folder / "mypy")
        commands = {
            "ruff": ("check", "--no-cache"),
            "format": ("format", "--check", "--no-cache"),
            "mypy": ("--cache-dir", cache),
            "pytest": ("-q", "-p", "no:cacheprovider", "-p", "no:asyncio"),
        }
        for tool in tools:
            self.run(self.path(case), "ruff" if tool == "format" else tool, *commands[tool])


@pytest.fixture(scope="module")
def projects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Projects:
    """The projects of the tests that run, installed in one environment: each has a name of its own."""
    made = Projects(tmp_path_factory.mktemp("projects"))
    wanted = {one.callspec.params.get("case") for one in request.session.items if hasattr(one, "callspec")}
    for number, (case, (level, is_async, hooks)) in enumerate(WHOLE.items()):
        if case not in wanted:
            continue
        spelling = NAMES[number % 2] if number < 2 else f"{NAMES[number % 2][:-1]}{'abcdefgh'[number]}"
        made.make(case, spelling, level, hooks, is_async=is_async)
    for number, (case, (level, hook)) in enumerate(SINGLE.items()):
        if case in wanted:
            made.make(case, f"single-{number}", level, (hook,))
    made.install()
    return made


@pytest.mark.parametrize("case", _cases(WHOLE))
def test_every_tool_accepts_a_new_project(projects: Projects, case: str) -> None:
    """ruff, its formatter, mypy (strict) and the project's own tests find no problem."""
    projects.check(case, "ruff", "format", "mypy", "pytest")


@pytest.mark.parametrize("case", _cases(SINGLE))
def test_every_tool_accepts_a_project_with_a_single_hook(projects: Projects, case: str) -> None:
    """Nothing remains that only other hooks need, and the tests match the hook."""
    projects.check(case, "ruff", "format", "pytest")


@pytest.mark.parametrize("case", _cases(WHOLE))
def test_hosting_check_finds_no_problem_in_a_new_project(projects: Projects, case: str) -> None:
    """The project follows the rules for extensions."""
    assert "no problems found" in projects.run(projects.path(case), "hosting", "check")


@pytest.mark.parametrize("case", ["app-sync-default", "function-async-all"])
def test_built_distributions_are_complete_and_pass_twine(projects: Projects, case: str, tmp_path: Path) -> None:
    """sdist and wheel contain types, license and tests, and twine accepts them."""
    path = projects.path(case)
    projects.run(path, "build", "--no-isolation", "--outdir", str(tmp_path))
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    report = projects.run(path, "twine", "check", "--strict", str(wheel), str(sdist))
    assert report.count("PASSED") == 2
    package = path.name.replace("-", "_")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"{package}/__init__.py", f"{package}/extension.py", f"{package}/py.typed"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("tests/test_extension.py") for name in archive.getnames())


def test_every_hook_can_be_chosen() -> None:
    """Hooks with settings are always generated."""
    known = {name for name, value in vars(hookspecs).items() if hasattr(value, "hosting_spec")}
    offered = {full_name(hook, level) for level in LEVELS for hook in hooks_of(level)}
    assert offered == known - {"configure", "configure_function"}


@pytest.mark.parametrize("case", WHOLE)
def test_command_creates_the_same_files_everywhere(
    projects: Projects, case: str, tmp_path: Path, run_hosting: RunHosting
) -> None:
    """Files are equal byte for byte in another folder, time zone and language."""
    level, is_async, hooks = WHOLE[case]
    path = projects.path(case)
    flags = [*(("--async",) if is_async else ()), *(f"--hook={hook}" for hook in hooks), "--dir", str(tmp_path / "x")]
    done = run_hosting(
        "new", "extension", path.name, "--level", level, *flags, env={"LANG": "tr_TR", "TZ": "Asia/Tokyo"}
    )
    assert done.returncode == 0, done.stderr
    made = {str(file.relative_to(tmp_path / "x")) for file in (tmp_path / "x").rglob("*") if file.is_file()}
    assert made == set(done.stdout.partition("Next:")[0].split()[2:])
    for name in made:
        assert (tmp_path / "x" / name).read_bytes() == (path / name).read_bytes()


def test_hooks_are_accepted_in_any_order_and_spelling(run_hosting: RunHosting, tmp_path: Path) -> None:
    """They may be repeated options or a list with commas, with or without ``_app_level``."""
    spellings = (["--hook", "shutdown,pre_invocation"], ["--hook", "pre_invocation_app_level", "--hook", "shutdown"])
    texts = set()
    for number, flags in enumerate(spellings):
        folder = tmp_path / str(number)
        assert run_hosting("new", "extension", "x", *flags, "--dir", folder).returncode == 0
        texts.add((folder / "src" / "hosting_x" / "extension.py").read_text())
    (text,) = texts
    assert text.index("def pre_invocation_app_level") < text.index("def shutdown")
    assert "def invocation_app_level" not in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--hook", "pre_invocatoin"], "Did you mean 'pre_invocation'?"),
        (["--hook", "init_function"], "the app level has no hook 'init_function'"),
        (["--level", "function", "--hook", "pre_invocation_app_level"], "Did you mean 'pre_invocation'?"),
    ],
)
def test_unknown_hook_is_refused(run_hosting: RunHosting, tmp_path: Path, flags: list[str], message: str) -> None:
    """The message suggests a hook if one is similar, and lists those of the level."""
    done = run_hosting("new", "extension", "x", *flags, "--dir", tmp_path / "x")
    assert done.returncode == 1
    assert message in done.stderr
    assert "The hooks are: init, " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_workflow_runs_the_commands_of_the_readme() -> None:
    """Each command for development runs for every change, on each supported Python."""
    files = extension_files(extension_names("x"), "app", ("invocation",))
    job = yaml.safe_load(files[".github/workflows/ci.yml"])["jobs"]["check"]
    shown = re.findall(r"^\$ (.+)$", files["README.md"].partition("## Develop")[2], re.MULTILINE)
    commands = [command for line in shown for command in line.split(" && ")]
    assert [step["run"].removeprefix("python -m ") for step in job["steps"] if "run" in step] == [
        command.removeprefix("python -m ") for command in commands
    ]
    oldest = tomllib.loads(files["pyproject.toml"])["project"]["requires-python"].removeprefix(">=")
    assert job["strategy"]["matrix"]["python"][0] == oldest


def test_templates_are_not_python_files() -> None:
    """No tool that searches for Python files finds them."""
    folder = Path(sys.modules["hosting.scaffold.extension"].__file__ or "").parent / "templates"
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".template"}
