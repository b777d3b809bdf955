"""What the host offers to providers."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import importlib_metadata
import pytest

from hosting.bindings import Services
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply
from hosting.bindings.storage import FileStorage, HostStorage
from hosting.errors import HostingError


class Elsewhere(FileStorage):
    """Stands for a package's storage."""


def elsewhere(services: Services) -> HostStorage:
    return Elsewhere(services.root)


def not_configured(services: Services) -> None:
    return None


def services(root: Path, *entries: tuple[str, str]) -> Services:
    found = [importlib_metadata.EntryPoint(name, value, "hosting.storage") for name, value in entries]
    return Services({}, {}, root, lambda: importlib_metadata.EntryPoints(found))


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_storage_in_files(tmp_path: Path) -> None:
    """Where no package brings a storage, or none is configured, it is in files, and always the same one."""
    found = services(tmp_path, ("cloud", f"{__name__}:not_configured"))
    assert type(found.storage) is FileStorage
    assert found.storage is found.storage


def test_storage_of_a_package(tmp_path: Path) -> None:
    """The first package that is configured brings it."""
    found = services(tmp_path, ("a", f"{__name__}:not_configured"), ("b", f"{__name__}:elsewhere"))
    assert isinstance(found.storage, HostStorage)
    assert type(found.storage).__name__ == "Elsewhere"
    asyncio.run(found.close())


def test_storage_that_cannot_be_imported(tmp_path: Path) -> None:
    """A package that is broken is named, with what went wrong in it."""
    with pytest.raises(HostingError, match="storage 'cloud' cannot be imported: ModuleNotFoundError"):
        _ = services(tmp_path, ("cloud", "a_module_that_is_not_there:make")).storage


@pytest.mark.skipif(sys.platform != "linux", reason="the state directory is named by XDG_STATE_HOME")
def test_state(tmp_path: Path) -> None:
    """An app has a folder of its own below the user's state directory, which only its user may read."""
    folder = services(tmp_path).state
    assert folder.is_relative_to(tmp_path / "state")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert services(tmp_path).state == folder
    assert services(tmp_path / "other").state != folder


@pytest.mark.skipif(sys.platform != "linux", reason="the state directory is named by XDG_STATE_HOME")
def test_state_that_cannot_be_made(tmp_path: Path) -> None:
    """A state directory that is no directory is told with what to do about it."""
    (tmp_path / "state").write_text("")
    with pytest.raises(HostingError, match=r"state folder of the app, .* cannot be created") as caught:
        _ = services(tmp_path).state
    assert "XDG_STATE_HOME" in caught.value.remedy


class Pushing:
    """Stands for a provider that hears of its events by HTTP."""

    async def answer(self, call: HttpCall) -> HttpReply:
        raise NotImplementedError


def test_a_webhook_has_one_answer() -> None:
    """Whoever comes second learns that the name is taken, in whatever case; the same answer may come again."""
    services, first = Services({}, {}), Pushing()
    services.webhooks["Push"] = first.answer
    services.webhooks["push"] = first.answer
    with pytest.raises(ValueError, match=r"/runtime/webhooks/push are already handled by Pushing\.answer"):
        services.webhooks["push"] = Pushing().answer
    assert services.webhooks == {"push": first.answer}
