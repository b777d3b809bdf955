"""``hosting new``: errors, prompts, and that it writes all files or none."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import PATIENCE, clean_environment

RunHosting = Callable[..., "CompletedProcess[str]"]


CTRL_C = "\x03"


def _dialogue(
    folder: Path, arguments: Sequence[str], answers: Mapping[str, str], env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run the command in a terminal and answer its prompts; return the exit code and all that was shown."""
    outer, inner = pty.openpty()
    environ = {**clean_environment(env), "TERM": "dumb"}
    if "CI" not in (env or {}):
        environ.pop("CI", None)
    command = [sys.executable, "-m", "hosting", "new", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdin=inner, stdout=inner, stderr=inner, preexec_fn=_own_terminal
    )
    os.close(inner)
    shown, waiting = "", dict(answers)
    end = time.monotonic() + PATIENCE
    last = ""
    while time.monotonic() < end:
        if not select.select([outer], [], [], 1)[0]:
            if last == CTRL_C:  # it came before the prompt waited for it
                os.write(outer, CTRL_C.encode())
            continue
        try:
            shown += os.read(outer, 65536).decode()
        except OSError:  # the process has closed the terminal
            break
        for question in [one for one in waiting if one in shown]:
            last = waiting.pop(question)
            os.write(outer, f"{last}\n".encode())
    os.close(outer)
    return process.wait(PATIENCE), shown.replace("\r\n", "\n")


def _own_terminal() -> None:
    """Make the terminal the controlling terminal of the new process, so that Ctrl-C reaches it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background processes, and their children, ignore it
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_missing_options_of_an_extension_are_prompted_for(tmp_path: Path) -> None:
    """It asks for level, hooks and async; a wrong answer is explained, and the prompt is repeated."""
    answers = {
        "Level (app, function) [app]: ": "function",
        "response_sent, shutdown [invocation]: ": "strtup",
        "Did you mean 'startup'?": "startup,pre_invocation",
        "Write the hooks as async def? [y/N]: ": "y",
    }
    code, shown = _dialogue(tmp_path, ["extension", "stopwatch"], answers)
    assert code == 0, shown
    text = (tmp_path / "hosting-stopwatch" / "src" / "hosting_stopwatch" / "extension.py").read_text()
    assert "async def startup(self)" in text
    assert "async def pre_invocation(self" in text
    assert "invocation(self, logger: Logger, context: Context) ->" not in text


def test_enter_at_every_prompt_chooses_the_defaults(tmp_path: Path) -> None:
    """The result is that of a command without a terminal."""
    answers = {"Level (": "", "Hooks, ": "", "async def?": ""}
    assert _dialogue(tmp_path, ["extension", "one"], answers)[0] == 0
    assert _dialogue(tmp_path, ["extension", "one", "--dir", "two"], {}, {"CI": "true"})[0] == 0
    texts = [(tmp_path / name / "src" / "hosting_one" / "extension.py").read_text() for name in ("hosting-one", "two")]
    assert texts[0] == texts[1]


def test_given_options_are_not_prompted_for(tmp_path: Path) -> None:
    """With every option there is no prompt."""
    flags = ["--level", "app", "--hook", "startup", "--async"]
    code, shown = _dialogue(tmp_path, ["extension", "x", *flags], {})
    assert code == 0
    assert shown.startswith("Created hosting-x:\n")


def test_missing_options_of_apps_and_functions_are_prompted_for(tmp_path: Path) -> None:
    """It asks for the model of an app and for the template of a function; a typo is explained."""
    assert _dialogue(tmp_path, ["app", "old"], {"Programming model (v2, v1) [v2]: ": "v1"})[0] == 0
    answers = {"Template (http, timer, queue, blob, durable, mcp) [http]: ": "tmer", "Did you mean 'timer'?": "timer"}
    code, shown = _dialogue(tmp_path / "old", ["function", "Tick"], answers)
    assert code == 0, shown
    assert "timerTrigger" in (tmp_path / "old" / "Tick" / "function.json").read_text()


@pytest.mark.parametrize("name", ["CI", "TF_BUILD", "BUILD_NUMBER"])
def test_build_server_gets_no_prompts(tmp_path: Path, name: str) -> None:
    """On a build server with a terminal the defaults apply, and the option for a template is required."""
    environ = {name: "true"}
    assert _dialogue(tmp_path, ["app", "x"], {}, environ)[0] == 0
    assert (tmp_path / "x" / "function_app.py").is_file()
    code, shown = _dialogue(tmp_path / "x", ["function", "y"], {}, environ)
    assert code == 2
    assert "Missing option '--template'. Choose from: http, timer, queue, blob, durable, mcp." in shown


def test_ctrl_c_at_a_prompt_writes_nothing_and_exits_with_130(tmp_path: Path) -> None:
    """The folder is as before."""
    assert _dialogue(tmp_path, ["extension", "x"], {"Level (": CTRL_C})[0] == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["extension", "-bad-"], "No such option"),
        (["extension", "b@d"], "not a valid project name"),
        (["extension", "hosting"], "the name of the host"),
        (["app", "b d"], "not a valid project name"),
        (["function", "class", "--template", "http"], "a keyword of Python"),
        (["function", "host", "--template", "http"], "'host' is reserved"),
        (["function", "hello", "--template", "http"], "already has a function 'hello'"),
    ],
)
def test_invalid_name_is_refused_and_nothing_is_written(
    tmp_path: Path, run_hosting: RunHosting, arguments: list[str], message: str
) -> None:
    """There is one message with the rule, and no traceback."""
    app = tmp_path / "app"
    assert run_hosting("new", "app", "app", "--dir", app).returncode == 0
    before = sorted(app.rglob("*"))
    place = ["--app-dir", app] if arguments[0] == "function" else ["--dir", tmp_path / "new"]
    done = run_hosting("new", *arguments, *place)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [app]
    assert sorted(app.rglob("*")) == before


def test_existing_files_are_replaced_only_with_force(tmp_path: Path, run_hosting: RunHosting) -> None:
    """Without --force the existing files are named, and nothing is written."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "host.json").write_text("mine")
    refused = run_hosting("new", "app", "app", "--dir", tmp_path / "app")
    assert refused.returncode == 1
    assert "already has host.json\n  Nothing was written." in refused.stderr
    assert [path.name for path in (tmp_path / "app").iterdir()] == ["host.json"]
    assert run_hosting("new", "app", "app", "--dir", tmp_path / "app", "--force").returncode == 0
    assert "extensionBundle" in (tmp_path / "app" / "host.json").read_text()


def test_current_folder_can_be_the_project(tmp_path: Path) -> None:
    """Files are written into a folder that exists already, and ``cd`` is not among the next steps."""
    (tmp_path / ".git").mkdir()
    command = [sys.executable, "-m", "hosting", "new", "app", "x", "--dir", "."]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    assert (tmp_path / "host.json").is_file()
    assert "cd " not in done.stdout


def test_next_steps_are_quoted_for_a_shell(tmp_path: Path, run_hosting: RunHosting) -> None:
    """A folder with a space in its name is quoted."""
    done = run_hosting("new", "app", "x", "--dir", tmp_path / "my app")
    assert f"  cd '{tmp_path / 'my app'}'\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["new", "extention"], "Did you mean 'extension'?"),
        (["new", "app", "x", "--modle", "v1"], "--model"),
        (["new", "function", "x", "--template", "bolb"], "Did you mean 'blob'?"),
        (["new", "extension", "x", "--level", "functoin"], "Did you mean 'function'?"),
        (["nwe"], "Did you mean 'new'?"),
        (["completion", "bsh"], "Did you mean 'bash'?"),
        (["start", "--log-format", "jsn"], "Did you mean 'json'?"),
        (["--verson"], "--version"),
    ],
)
def test_typo_is_answered_with_a_suggestion(run_hosting: RunHosting, arguments: list[str], suggestion: str) -> None:
    """The error suggests a word, and names the command whose help explains more."""
    done = run_hosting(*arguments)
    assert done.returncode == 2
    assert suggestion in done.stderr
    named = " ".join(
        ["hosting", *(one for one in arguments if one in ("new", "app", "function", "extension", "start"))]
    )
    assert f"Try '{named} --help' for help." in done.stderr or arguments[0] == "completion"


def test_new_opens_no_network_connection(tmp_path: Path) -> None:
    """No socket is opened while files are created."""
    code = (
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    assert not event.startswith('socket.'), event\n"
        "sys.addaudithook(refuse)\n"
        "from hosting.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    for arguments in (["extension", "x"], ["app", "y"], ["function", "z", "--template", "queue", "--app-dir", "y"]):
        command = [sys.executable, "-c", code, "new", *arguments]
        subprocess.run(command, cwd=tmp_path, env=clean_environment(), stdin=subprocess.DEVNULL, check=True)


def _run_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hosting", *arguments]
    return subprocess.run(command, cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False)


def test_new_app_with_a_dot_is_created_in_the_current_folder(tmp_path: Path) -> None:
    """The folder's name is the app's name; a folder whose name is not one is an error, and nothing is written."""
    folder = tmp_path / "shop"
    folder.mkdir()
    done = _run_in(folder, "new", "app", ".")
    assert done.returncode == 0
    assert "Created shop:" in done.stdout
    assert (folder / "function_app.py").is_file()
    odd = tmp_path / "my shop"
    odd.mkdir()
    done = _run_in(odd, "new", "app", ".")
    assert (done.returncode, done.stdout, [*odd.iterdir()]) == (2, "", [])
    assert "Error: 'my shop' is not a valid project name" in done.stderr


def test_command_line_imports_nothing_that_only_one_command_needs() -> None:
    """``hosting start`` does not pay for the modules of other commands."""
    code = "import sys, hosting.cli.main as line; line.cli.commands['start']; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
    )
    modules = set(run.stdout.split())
    assert "hosting.cli.start" in modules
    assert not modules & {
        "hosting.cli.check",
        "hosting.cli.new",
        "hosting.scaffold.extension",
        "hosting.scaffold.renderer",
        "hosting.cli.prompts",
        "hosting.apps.outline",
        "hosting.cli.version",
        "click.shell_completion",
        "importlib.resources",
        "importlib_metadata",
    }
