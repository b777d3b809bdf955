"""The services of the host for providers."""

from __future__ import annotations

import sys
from pathlib import Path

import importlib_metadata
import pytest

from hosting.bindings import Services
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply
from hosting.bindings.storage import FileStorage, HostStorage
from hosting.errors import HostingError


class PackageStorage(FileStorage):
    """The storage of an installed package."""


def elsewhere(services: Services) -> HostStorage:
    return PackageStorage(services.root)


def not_configured(services: Services) -> None:
    return None


def services(root: Path, *entries: tuple[str, str]) -> Services:
    entry_points = [importlib_metadata.EntryPoint(name, value, "hosting.storage") for name, value in entries]
    return Services({}, {}, root, lambda: importlib_metadata.EntryPoints(entry_points))


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_storage_is_in_files_without_a_configured_package(tmp_path: Path) -> None:
    """It is always the same object."""
    host_services = services(tmp_path, ("cloud", f"{__name__}:not_configured"))
    assert type(host_services.storage) is FileStorage
    assert host_services.storage is host_services.storage


async def test_storage_is_that_of_the_first_configured_package(tmp_path: Path) -> None:
    """A package that is not configured returns None."""
    host_services = services(tmp_path, ("a", f"{__name__}:not_configured"), ("b", f"{__name__}:elsewhere"))
    assert isinstance(host_services.storage, HostStorage)
    assert type(host_services.storage).__name__ == "PackageStorage"
    await host_services.close()


def test_storage_package_that_cannot_be_imported_is_an_error(tmp_path: Path) -> None:
    """The message has the package and its exception."""
    with pytest.raises(HostingError, match="storage 'cloud' cannot be imported: ModuleNotFoundError"):
        _ = services(tmp_path, ("cloud", "a_module_that_is_not_there:make")).storage


@pytest.mark.skipif(sys.platform != "linux", reason="the state directory is named by XDG_STATE_HOME")
def test_state_folder_is_private_and_below_the_users_state_folder(tmp_path: Path) -> None:
    """Each app has its own folder."""
    folder = services(tmp_path).state
    assert folder.is_relative_to(tmp_path / "state")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert services(tmp_path).state == folder
    assert services(tmp_path / "other").state != folder


@pytest.mark.skipif(sys.platform != "linux", reason="the state directory is named by XDG_STATE_HOME")
def test_state_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    """The remedy names the variable for another folder."""
    (tmp_path / "state").write_text("")
    with pytest.raises(HostingError, match=r"state folder of the app, .* cannot be created") as caught:
        _ = services(tmp_path).state
    assert "XDG_STATE_HOME" in caught.value.remedy


class PushProvider:
    """A provider that receives events by HTTP."""

    async def answer(self, call: HttpCall) -> HttpReply:
        raise NotImplementedError


def test_webhook_with_the_name_of_another_one_is_an_error() -> None:
    """The name ignores case; the same handler may be added again."""
    services, first = Services({}, {}), PushProvider()
    services.webhooks["Push"] = first.answer
    services.webhooks["push"] = first.answer
    with pytest.raises(ValueError, match=r"/runtime/webhooks/push are already handled by PushProvider\.answer"):
        services.webhooks["push"] = PushProvider().answer
    assert services.webhooks == {"push": first.answer}


def test_providers_share_one_object_of_a_factory() -> None:
    """It is made once for each host, with the services."""
    services = Services({}, {})
    assert services.shared(SharedServer) is services.shared(SharedServer)
    assert services.shared(SharedServer).services is services
    assert Services({}, {}).shared(SharedServer) is not services.shared(SharedServer)


class SharedServer:
    """What several providers need."""

    def __init__(self, services: Services) -> None:
        self.services = services
