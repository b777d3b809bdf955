"""A terminal that runs the commands of a page in a separate folder and virtual environment."""

from __future__ import annotations

import re
import shlex
import subprocess
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from hosting_storage.testing import azurite_command, run_azurite

from tests.docs.pages import CHECKOUT
from tests.support.processes import PATIENCE, ROOT, Running, environment, hosting_start

_ADDRESS = "http://localhost:7071"
"""What pages write for the address of the host that they start, on whichever port it listens."""
_NUMBERS = re.compile(r"\d+\.\d{6}\b")


class Terminal:
    """Runs commands in a virtual environment that contains the packages of this Python, except the plugins.

    Args:
        home: the directory that commands run in.
        scratch: an empty directory for what the terminal itself writes.
    """

    def __init__(self, home: Path, scratch: Path) -> None:
        self.home = home
        self._scratch = scratch
        self._python = virtual_environment(scratch / "venv")
        self._host: Running | None = None
        self._open = ExitStack()
        self._until_closed = ExitStack()
        self._environment = {"XDG_STATE_HOME": str(scratch / "state")}
        if azurite := azurite_command():
            self._environment["AZURITE"] = azurite[-1]

    def close(self) -> None:
        """Stop the host that the page started, then Azurite if it did."""
        self._open.close()
        self._until_closed.close()

    def run(self, command: str) -> str:
        """Run one command and return its output.

        Raises:
            AssertionError: the command failed, or pages must not use it.
        """
        program, *arguments = shlex.split(command)
        commands: dict[str, Callable[[Sequence[str]], str]] = {
            "azurite": self._azurite,
            "cd": self._cd,
            "curl": self._curl,
            "hosting": self._hosting,
            "make": self._make,
            "mkdir": self._mkdir,
            "pip": self._pip,
            "pytest": lambda arguments: self._execute("-P", "-m", "pytest", "-p", "no:cacheprovider", *arguments),
        }
        assert program in commands, f"pages use {', '.join(commands)}, not {program}"
        return commands[program](arguments)

    def run_failing(self, command: str) -> str:
        """Run a command of ``hosting`` that must end with exit code 1, and return what it printed.

        Raises:
            AssertionError: it ended with another code, or pages must not use it.
        """
        program, *arguments = shlex.split(command)
        assert program == "hosting", f"pages show errors of hosting, not of {program}"
        return self._execute("-m", "hosting", *arguments, code=1)

    def check_log(self, expected: Sequence[str]) -> None:
        """Wait until the host that the page started has printed the expected lines."""
        assert self._host is not None, "a log before hosting start"
        wait_for_lines(self._host, expected)

    def _azurite(self, _arguments: Sequence[str]) -> str:
        """Start Azurite on free ports; hosts that start later find it through their environment."""
        folder = self._scratch / "azurite"
        folder.mkdir()
        running = self._until_closed.enter_context(
            run_azurite(folder, "--inMemoryPersistence", "--skipApiVersionCheck")
        )
        self._environment["AzureWebJobsStorage"] = running.connection_string
        return ""

    def _cd(self, arguments: Sequence[str]) -> str:
        self.home /= arguments[0]
        return ""

    def _mkdir(self, arguments: Sequence[str]) -> str:
        (self.home / arguments[-1]).mkdir(parents="-p" in arguments)
        return ""

    def _pip(self, arguments: Sequence[str]) -> str:
        verb, *rest = arguments
        rest = [_installable(argument) for argument in rest]
        offline = {"install": ["--no-index", "--no-build-isolation", "--quiet"], "uninstall": ["--yes", "--quiet"]}
        return self._execute("-m", "pip", "--disable-pip-version-check", verb, *offline[verb], *rest)

    def _make(self, arguments: Sequence[str]) -> str:
        found = re.search(r"^FOUND := (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert found is not None, "the Makefile names no extensions that hosts of a checkout find"
        self._pip(["install", *(str(ROOT / "plugins" / name) for name in found[1].split())])
        plan = ["make", "--dry-run", "--no-print-directory", *arguments]
        done = subprocess.run(plan, cwd=ROOT, capture_output=True, text=True, check=True)
        served = re.search(r"bin/(hosting start [^|\"]*)", done.stdout)
        assert served is not None, f"make {shlex.join(arguments)} starts no host:\n{done.stdout}"
        return self.run(served[1])

    def _hosting(self, arguments: Sequence[str]) -> str:
        if arguments[0] != "start":
            named = [self._host.url if one == _ADDRESS and self._host else one for one in arguments]
            return self._execute("-m", "hosting", *named)
        self._open.close()
        folders = [argument for argument in arguments[1:2] if not argument.startswith("-")]
        app = self.home / Path(*folders)
        flags = arguments[1 + len(folders) :]
        command = (str(self._python), "-m", "hosting")
        environ = environment(**self._environment)
        self._host = self._open.enter_context(
            hosting_start(app, self._scratch / "host.log", command=command, flags=flags, environ=environ, cwd=self.home)
        )
        self._environment["HOSTING_URL"] = self._host.url  # for the commands that work with a running host
        return self._host.printed()

    def _curl(self, arguments: Sequence[str]) -> str:
        assert self._host is not None, "curl before hosting start"
        rest = list(arguments)
        method, headers, content = "GET", dict[bytes, bytes](), ""
        while "-H" in rest:
            at = rest.index("-H")
            name, _, value = rest[at + 1].partition(": ")
            headers[name.encode()] = value.encode()
            del rest[at : at + 2]
        if "--json" in rest:
            at = rest.index("--json")
            method, content = "POST", rest[at + 1]
            headers[b"Content-Type"] = b"application/json"
            del rest[at : at + 2]
        if "-X" in rest:
            at = rest.index("-X")
            method = rest[at + 1]
            del rest[at : at + 2]
        show_headers = "--include" in rest
        url = rest[-1].replace(_ADDRESS, self._host.url)
        response = httpx.request(method, url, headers=headers, content=content)
        status = f"{response.http_version} {response.status_code} {response.reason_phrase}\n"
        head = status + "".join(f"{key}: {value}\n" for key, value in response.headers.items())
        return f"{head if show_headers else ''}{response.text}\n"

    def _execute(self, *arguments: str, code: int = 0) -> str:
        command = [str(self._python), *arguments]
        environ = environment(**self._environment)
        # A host that should have failed would serve for ever.
        limit = PATIENCE if code else None
        done = subprocess.run(
            command, cwd=self.home, env=environ, capture_output=True, text=True, check=False, timeout=limit
        )
        assert done.returncode == code, f"{shlex.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stdout + done.stderr


@contextmanager
def terminal(home: Path, scratch: Path) -> Iterator[Terminal]:
    """Yield a terminal; stop its host and its Azurite at the end."""
    shell = Terminal(home, scratch)
    try:
        yield shell
    finally:
        shell.close()


def commands(session: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of a console block, each with the output that the page shows."""
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, *expected = part.rstrip("\n").split("\n")
        yield command, expected


def check_output(output: str, expected: Sequence[str]) -> None:
    """Check that the output contains the expected lines in order; measured times can differ.

    ``...`` stands for any lines, or for any text within a line.
    """
    remaining = iter([_without_numbers(line) for line in output.splitlines()])
    for line in expected:
        if line.strip() != "...":
            wanted = re.compile(re.escape(_without_numbers(line)).replace(re.escape("..."), ".*"))
            assert any(wanted.fullmatch(printed) for printed in remaining), f"{line!r} is missing in:\n{output}"


def wait_for_lines(host: Running, expected: Sequence[str]) -> None:
    """Wait until a host has printed the expected lines in order."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return check_output(host.printed(), expected)
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _without_numbers(line: str) -> str:
    return _NUMBERS.sub("0.000000", re.sub(r"localhost:\d+", "localhost:7071", line)).rstrip()


def _installable(argument: str) -> str:
    """Return pip's argument for an argument of a page; the environment already has ``hosting`` itself."""
    if argument.startswith(f"{CHECKOUT}["):
        return argument.replace(CHECKOUT, "hosting")
    return argument.replace(CHECKOUT, str(ROOT))


def virtual_environment(directory: Path) -> Path:
    """Create an environment that links to the packages of this Python, except this repository's plugins."""
    venv.create(directory, with_pip=False, symlinks=True)
    paths = {"base": str(directory), "platbase": str(directory)}
    borrowed = directory / "borrowed"
    borrowed.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "hosting_" not in entry.name:
            (borrowed / entry.name).symlink_to(entry)
    site_packages = Path(sysconfig.get_path("purelib", vars=paths))
    (site_packages / "borrowed.pth").write_text(f"import site; site.addsitedir({str(borrowed)!r})\n")
    return Path(sysconfig.get_path("scripts", vars=paths)) / "python"
