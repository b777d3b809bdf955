"""Fixtures for tests with installed extensions: a folder to install into, and hosts that discover what is there."""

from __future__ import annotations

import asyncio
import importlib
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import importlib_metadata
import pytest

from hosting.apps.host_json import read_host_json
from hosting.apps.load import load_app
from hosting.core import App, Function
from hosting.extensions import ExtensionHost
from tests.support.invoking import ON
from tests.support.sites import Site

LoadApp = Callable[[Mapping[str, str]], tuple[ExtensionHost, App]]


class Start(Protocol):
    """Create a host, discover the installed extensions, and load the functions."""

    def __call__(
        self,
        *functions: Function,
        section: Mapping[str, Any] | None = None,
        strict: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> ExtensionHost: ...


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return the only folder with installed distributions."""
    # Before the folder of these leaves the path: importlib-metadata imports what reads archives at the first one.
    importlib.import_module("azure.functions")
    archive = tmp_path / "empty.zip"
    zipfile.ZipFile(archive, "w").close()
    assert not [*importlib_metadata.distributions(path=[str(archive)])]
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.setattr(sys, "path", [str(path), *(entry for entry in sys.path if "-packages" not in entry)])
    importlib.invalidate_caches()
    yield Site(path)
    importlib.invalidate_caches()


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts hosts; they are shut down after the test."""
    hosts: list[ExtensionHost] = []

    def start_host(
        *functions: Function,
        section: Mapping[str, Any] | None = None,
        strict: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> ExtensionHost:
        host = ExtensionHost(environ={**ON, **(environ or {})}, section=section, strict=strict)
        hosts.append(host)
        host.discover()
        host.load(functions)
        return host

    yield start_host
    _shut_down(hosts)


@pytest.fixture
def load(tmp_path: Path) -> Iterator[LoadApp]:
    """Return a function that writes an app and loads it with the installed extensions."""
    hosts: list[ExtensionHost] = []
    path = list(sys.path)

    def load_files(files: Mapping[str, str]) -> tuple[ExtensionHost, App]:
        root = _write_app(tmp_path / "app", files)
        host = ExtensionHost(environ=ON, section=read_host_json(root, ON).get("extensionHost"))
        hosts.append(host)
        host.discover()
        app = load_app(root, environ=ON, importing=host.importing)
        host.load(app.functions)
        return host, app

    yield load_files
    sys.path[:] = path
    _shut_down(hosts)


def _write_app(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in {"host.json": '{"version": "2.0"}', **files}.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, "utf-8")
    return root


def _shut_down(hosts: Sequence[ExtensionHost]) -> None:
    for host in hosts:
        asyncio.run(host.shutdown())
