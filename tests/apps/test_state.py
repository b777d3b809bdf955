"""Where a host keeps what outlives it, and how hosts of one app know each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.apps.expansion import AppSettings
from hosting.apps.state import app_name, host_id
from hosting.errors import SettingsError

ALLOWED = set("abcdefghijklmnopqrstuvwxyz0123456789-")


@given(st.text(min_size=1).filter(lambda name: "/" not in name and "\0" not in name))
def test_host_id_of_any_folder(name: str) -> None:
    """Whatever an app's folder is called, its host id is one that storage takes, and always the same."""
    try:
        root = Path("/srv") / name
        found = host_id(root, AppSettings({}))
    except UnicodeEncodeError:
        return  # a lone surrogate is no file name
    assert 0 < len(found) <= 32
    assert set(found) <= ALLOWED
    assert not found.startswith("-")
    assert not found.endswith("-")
    assert host_id(root, AppSettings({})) == found


def test_host_id_from_the_settings() -> None:
    """The setting names it, however it is spelled; what cannot be one is refused."""
    root = Path("/srv/app")
    assert host_id(root, AppSettings({"azurefunctionswebhost:HostId": "orders-1"})) == "orders-1"
    for wrong in ("Orders", "a_b", "", "-a", "a--b", "x" * 33, "ä"):
        with pytest.raises(SettingsError, match="not a valid host ID"):
            host_id(root, AppSettings({"AzureFunctionsWebHost__hostid": wrong}))


def test_two_apps_of_one_name() -> None:
    """Apps in folders of the same name are told apart, as folders and as hosts."""
    one, other = Path("/srv/a/app"), Path("/srv/b/app")
    assert app_name(one) != app_name(other)
    assert host_id(one, AppSettings({})) != host_id(other, AppSettings({}))


def test_section_of_settings() -> None:
    """The parts of a connection are found whatever the case and the separator; a longer name is another setting."""
    settings = AppSettings({"Jobs__queueServiceUri": "u", "JOBS:credential": "c", "Jobs2__x": "no", "Jobs": "text"})
    assert settings.section("jobs") == {"queueserviceuri": "u", "credential": "c"}
