"""The folder for persistent state, and the ID that hosts of one app share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.app_settings import AppSettings
from hosting.apps.state import app_name, host_id
from hosting.errors import SettingsError

ALLOWED = set("abcdefghijklmnopqrstuvwxyz0123456789-")


@given(st.text(min_size=1).filter(lambda name: "/" not in name and "\0" not in name))
def test_host_id_is_valid_and_constant_for_any_folder(name: str) -> None:
    """Storage accepts the ID, whatever the name of the app's folder."""
    try:
        root = Path("/srv") / name
        identifier = host_id(root, AppSettings({}))
    except UnicodeEncodeError:
        return  # a lone surrogate is not a file name
    assert 0 < len(identifier) <= 32
    assert set(identifier) <= ALLOWED
    assert not identifier.startswith("-")
    assert not identifier.endswith("-")
    assert host_id(root, AppSettings({})) == identifier


def test_host_id_of_the_settings_is_used_or_rejected() -> None:
    """The spelling of the setting does not matter; an invalid ID is an error."""
    root = Path("/srv/app")
    assert host_id(root, AppSettings({"azurefunctionswebhost:HostId": "orders-1"})) == "orders-1"
    for wrong in ("Orders", "a_b", "", "-a", "a--b", "x" * 33, "ä"):
        with pytest.raises(SettingsError, match="not a valid host ID"):
            host_id(root, AppSettings({"AzureFunctionsWebHost__hostid": wrong}))


def test_two_apps_with_the_same_folder_name_differ() -> None:
    """They have different state folders and different host IDs."""
    one, other = Path("/srv/a/app"), Path("/srv/b/app")
    assert app_name(one) != app_name(other)
    assert host_id(one, AppSettings({})) != host_id(other, AppSettings({}))


def test_section_has_the_parts_of_a_connection() -> None:
    """Case and separator do not matter; a longer name is another setting."""
    settings = AppSettings({"Jobs__queueServiceUri": "u", "JOBS:credential": "c", "Jobs2__x": "no", "Jobs": "text"})
    assert settings.section("jobs") == {"queueserviceuri": "u", "credential": "c"}
