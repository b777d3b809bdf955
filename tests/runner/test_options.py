"""Options of ``hosting start``: address and port, and how they are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hosting.apps.local_settings import LocalSettings
from hosting.errors import SettingsError
from hosting.runner.options import StartOptions, listen_address, process_count, seconds_to_leave, url


@pytest.mark.parametrize(
    ("options", "port", "settings", "expected"),
    [
        ({}, None, {}, ("127.0.0.1", 7071)),
        ({}, None, {"port": 8000, "address": "0.0.0.0"}, ("0.0.0.0", 8000)),
        ({}, "", {"port": 8000, "address": "0.0.0.0"}, ("0.0.0.0", 8000)),
        ({}, " 8080 ", {"port": 8000, "address": "0.0.0.0"}, ("0.0.0.0", 8080)),
        ({"port": 0, "host": "::1"}, "many", {"port": 8000, "address": "0.0.0.0"}, ("::1", 0)),
    ],
)
def test_listen_address_is_of_the_flags_or_the_settings_or_the_default(
    options: dict[str, Any], port: str | None, settings: dict[str, Any], expected: tuple[str, int]
) -> None:
    """Address and port are those of the flags, else of PORT, else of local.settings.json, else Core Tools' defaults."""
    environ = {} if port is None else {"PORT": port}
    assert listen_address(StartOptions(Path(), **options), LocalSettings(Path(), **settings), environ) == expected


@pytest.mark.parametrize("port", ["many", "-1", "65536", "80.5", "\u0661"])
def test_port_in_the_environment_that_is_not_a_port_is_an_error(port: str) -> None:
    """The message names the variable and its value."""
    with pytest.raises(SettingsError, match=f"PORT: expected a port from 0 to 65535, found '{port}'"):
        listen_address(StartOptions(Path()), LocalSettings(Path()), {"PORT": port})


@pytest.mark.parametrize(
    ("options", "environ", "values", "expected"),
    [
        ({}, {"WEB_CONCURRENCY": "3"}, {}, 3),
        ({}, {"WEB_CONCURRENCY": "12"}, {"FUNCTIONS_WORKER_PROCESS_COUNT": "2"}, 12),
        ({}, {"WEB_CONCURRENCY": "3", "FUNCTIONS_WORKER_PROCESS_COUNT": "2"}, {}, 2),
        ({}, {"WEB_CONCURRENCY": " "}, {"FUNCTIONS_WORKER_PROCESS_COUNT": "2"}, 2),
        ({}, {"WEB_CONCURRENCY": "1000"}, {}, 1000),
        ({"workers": 4}, {"WEB_CONCURRENCY": "many"}, {}, 4),
        ({"reload": True}, {"WEB_CONCURRENCY": "3"}, {}, 1),
    ],
)
def test_process_count_is_of_the_flag_or_of_a_variable(
    options: dict[str, Any], environ: dict[str, str], values: dict[str, str], expected: int
) -> None:
    """Azure's variable comes before that of platforms, and both before local.settings.json."""
    assert process_count(StartOptions(Path(), **options), LocalSettings(Path(), values=values), environ) == expected


@pytest.mark.parametrize("value", ["many", "1.5", "0", "-1", "1001", "99999999", "inf", "1e3"])
def test_web_concurrency_that_is_no_number_of_processes_is_an_error(value: str) -> None:
    """The message names the variable and its value."""
    with pytest.raises(SettingsError, match=f"WEB_CONCURRENCY: expected a whole number.*, found '{value}'"):
        process_count(StartOptions(Path()), LocalSettings(Path()), {"WEB_CONCURRENCY": value})


@pytest.mark.parametrize(
    ("options", "address", "expected"),
    [
        ({}, "127.0.0.1", 0.0),
        ({}, "0.0.0.0", 5.0),
        ({"drain_delay": 1.5}, "127.0.0.1", 1.5),
        ({"drain_delay": 0.0}, "0.0.0.0", 0.0),
        ({"drain_delay": 1.5, "reload": True}, "0.0.0.0", 0.0),
    ],
)
def test_drain_delay_is_for_hosts_that_others_can_reach(options: dict[str, Any], address: str, expected: float) -> None:
    """A host on a developer's machine stops at once, and so does one that an edit restarts."""
    assert seconds_to_leave(StartOptions(Path(), **options), address) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", "localhost"), ("0.0.0.0", "localhost"), ("10.0.0.1", "10.0.0.1"), ("fe80::1", "[fe80::1]")],
)
def test_url_of_this_machine_is_shown_as_localhost(address: str, expected: str) -> None:
    """Addresses of this machine are shown as Core Tools shows them."""
    assert url(address, 80) == f"http://{expected}:80"
