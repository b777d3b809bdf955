"""``hosting completion``: each shell loads the printed script and completes lines."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import PATIENCE, MakeApp, clean_environment

RunHosting = Callable[..., "CompletedProcess[str]"]
APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import azure.functions as func
import no_such_module_and_never_imported

app = func.FunctionApp()

@app.function_name("Report-Daily")
@app.route("x")
def report(req): ...

@app.timer_trigger("timer", schedule="0 * * * * *")
async def tidy(timer): ...

def helper(): ...
""",
    "orders.py": """
import azure.functions as func

bp = func.Blueprint()

@bp.queue_trigger("message", queue_name="a", connection="b")
def take(message): ...
""",
    "broken.py": "def (",
    "Old/function.json": "{}",
}

# A line, and the words that the shell offers to complete it.
LINES = {
    "hosting st": ["start"],
    "hosting new ": ["app", "extension", "function"],
    "hosting completion ": ["bash", "fish", "zsh"],
    "hosting new function x --template ": ["blob", "durable", "http", "mcp", "queue", "timer"],
    "hosting new extension x --level function --hook pre_invocation,in": [
        "pre_invocation,init",
        "pre_invocation,init_function",
        "pre_invocation,invocation",
        "pre_invocation,invocation_end",
        "pre_invocation,invocation_error",
    ],
    "hosting start greeter --functions ": ["Old", "Report-Daily", "take", "tidy"],
    "hosting diag greeter --functions Old,t": ["Old,take", "Old,tidy"],
    "hosting start greeter --functions unknown": [],
}

BASH = """
eval "$(hosting completion bash)"
compopt() { :; }
COMP_LINE=$1
read -ra COMP_WORDS <<< "$1"
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_hosting_completion hosting
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'source (hosting completion fish | psub); complete -C "$argv[1]"'


@pytest.fixture
def home(make_app: MakeApp, tmp_path: Path) -> Path:
    """A folder that contains an app and another folder; ``hosting`` is on the path."""
    (tmp_path / "greeter").symlink_to(make_app(APP))
    (tmp_path / "grocery").mkdir()
    (tmp_path / "green.txt").write_text("")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "hosting"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m hosting "$@"\n')
    program.chmod(0o755)
    return tmp_path


def _environment(home: Path) -> dict[str, str]:
    return {**clean_environment(), "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "TERM": "dumb"}


def _needs(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


def _offers(home: Path, *command: str) -> list[str]:
    done = subprocess.run(
        command, cwd=home, env=_environment(home), capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stderr == ""
    return sorted(line.split("\t")[0] for line in done.stdout.splitlines() if line)


@pytest.mark.parametrize("line", LINES)
def test_bash_completes_a_line(home: Path, line: str) -> None:
    """Commands, choices, hooks and names of functions are completed, also after a comma, without running the app."""
    assert _offers(home, _needs("bash"), "--norc", "-c", BASH, "bash", line) == LINES[line]


@pytest.mark.parametrize("line", LINES)
def test_fish_completes_a_line(home: Path, line: str) -> None:
    """Commands, choices, hooks and names of functions are completed, as in bash."""
    assert _offers(home, _needs("fish"), "--no-config", "-c", FISH, line) == LINES[line]


def test_fish_completes_folders_but_not_files(home: Path) -> None:
    """An app is a folder."""
    assert _offers(home, _needs("fish"), "--no-config", "-c", FISH, "hosting start gr") == ["greeter/", "grocery/"]


class Screen:
    """An interactive shell, and what it has shown so far."""

    def __init__(self, command: list[str], home: Path) -> None:
        self.pid, self._end = pty.fork()
        if self.pid == 0:  # pragma: no cover  # the child becomes another program
            os.chdir(home)
            os.execve(command[0], command, _environment(home))
        self.shown = ""

    def type(self, text: str, until: str) -> str:
        """Type a text, wait until the shell shows a pattern, and return what it has shown since."""
        os.write(self._end, text.encode())
        start, end = len(self.shown), time.monotonic() + PATIENCE
        while not re.search(until, self.shown[start:]):
            assert time.monotonic() < end, f"{until!r} is not in {self.shown!r}"
            if select.select([self._end], [], [], 0.1)[0]:
                self.shown += os.read(self._end, 65536).decode(errors="replace")
        return self.shown[start:]

    def close(self) -> None:
        os.close(self._end)
        os.waitpid(self.pid, 0)


@pytest.fixture(params=["bash", "zsh"])
def screen(request: pytest.FixtureRequest, home: Path) -> Iterator[Screen]:
    """A shell that has loaded the script as the help of the command says."""
    shell = _needs(request.param)
    flags = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"]}[request.param]
    opened = Screen([shell, *flags], home)
    # The prompt is written in two parts, so that the echo of this line does not match.
    opened.type("PS1='rea''dy> '\n", "\nready> |\rready> |ready> $")
    if request.param == "zsh":
        opened.type("autoload -Uz compinit; compinit -D -u; echo do''ne\n", "done")
    opened.type(f"eval \"$(hosting completion {request.param})\"; echo loa''ded\n", "loaded")
    yield opened
    opened.close()


def test_tab_completes_functions_commands_and_folders(screen: Screen) -> None:
    """An interactive shell completes the line at its cursor."""
    screen.type("hosting start greeter --functions Rep\t", "--functions Report-Daily ")
    screen.type("\x15hosting dia\t", "hosting diag ")
    screen.type("\x15hosting start greet\t", "hosting start greeter/")


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("hosting start --log-format=j", r"--log-format=json "),
        ("hosting start --port=7000 greeter --functions=Old,Rep", r"--functions=Old,Report-Daily "),
        ("hosting start my\\ app --functions he", r"--functions hello "),
        ('hosting start "my app" --functions he', r"--functions hello "),
    ],
)
def test_tab_completes_after_equals_signs_and_spaces(screen: Screen, home: Path, typed: str, completed: str) -> None:
    """A value after ``--option=`` is completed in place, and the name of a folder may contain spaces."""
    (home / "my app").mkdir()
    (home / "my app" / "function_app.py").write_text('@app.route("hello")\ndef hello(req): ...\n')
    screen.type(f"{typed}\t", completed)


@pytest.mark.parametrize("line", ["hosting start --log-format=j", "hosting start --grace=1 --log-format=j"])
def test_fish_completes_after_an_equals_sign(home: Path, line: str) -> None:
    """fish replaces the whole word, so the completion includes the option."""
    assert _offers(home, _needs("fish"), "--no-config", "-c", FISH, line) == ["--log-format=json"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_only_the_script_is_printed(run_hosting: RunHosting, shell: str) -> None:
    """The output can be evaluated, or written to a file."""
    done = run_hosting("completion", shell)
    assert done.returncode == 0
    assert "_HOSTING_COMPLETE" in done.stdout
    assert "hosting" in done.stdout


def test_unknown_shell_is_wrong_usage(run_hosting: RunHosting) -> None:
    """The message lists the shells."""
    done = run_hosting("completion", "tcsh")
    assert done.returncode == 2
    assert "'bash', 'zsh', 'fish'" in done.stderr
