"""``host.json``: defaults, checks, and the environment over it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hosting.apps.host_json import read_host_json
from hosting.errors import SettingsError

Write = Callable[[dict[str, Any]], Path]


@pytest.mark.parametrize("files", [{}, {"host.json": "{}"}, {"host.json": "{ /* later */ }"}])
def test_a_missing_or_empty_file_means_the_defaults(files: dict[str, Any], write: Write) -> None:
    """Azure's host writes the version into such a file; here it is as if it stood there."""
    assert read_host_json(write(files), {}) == {"version": "2.0"}


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ('{"logging": {}}', None, "host.json is missing the required 'version' property"),
        ('{\n"version": "3.0"}', 2, "host.json: '3.0' is an invalid value for the 'version' property"),
        ('{"version": 2.0}', 1, "host.json: version: expected a text, found the number 2.0"),
        (
            '{"version": "2.0", "extensions": {"http":\n{"routePrefix": 1}}}',
            2,
            "host.json: extensions.http.routePrefix: expected a text, found the number 1",
        ),
        ('{"version": "2.0", "extensionHost": []}', 1, "host.json: extensionHost: expected an object, found a list"),
        (
            '{"version": "2.0", "extensions": {"http": {"maxConcurrentRequests": true}}}',
            1,
            "host.json: extensions.http.maxConcurrentRequests: expected a whole number, found true",
        ),
    ],
)
def test_what_azure_s_host_refuses_is_refused(content: str, line: int | None, message: str, write: Write) -> None:
    """No version, another version, or a type that nobody can use; with file and line."""
    root = write({"host.json": content})
    with pytest.raises(SettingsError) as caught:
        read_host_json(root, {})
    assert (caught.value.file, caught.value.line, caught.value.message) == (str(root / "host.json"), line, message)


def test_known_names_are_spelled_as_documented(write: Write) -> None:
    """Names of sections ignore case in Azure; what reads them here need not care. A null counts as left out."""
    content = {"version": "2.0", "Extensions": {"HTTP": {"RoutePrefix": "x"}}, "functions": None, "other": 1}
    assert read_host_json(write({"host.json": content}), {}) == {
        "version": "2.0",
        "extensions": {"http": {"routePrefix": "x"}},
        "other": 1,
    }


def test_no_time_limit_as_a_number(write: Write) -> None:
    """A functionTimeout of -1 may be a number or a text, as both are the same to Azure's host."""
    for value in (-1, "-1"):
        content = {"version": "2.0", "functionTimeout": value}
        assert read_host_json(write({"host.json": content}), {})["functionTimeout"] == "-1"


def test_the_environment_overrides_the_file(write: Write) -> None:
    """A variable names its way through the sections, ignoring case; numbers, switches and lists get their type."""
    content = {"version": "2.0", "extensions": {"http": {"routePrefix": "api"}}, "functions": ["A", "B", "C"]}
    environ = {
        "AzureFunctionsJobHost__extensions__HTTP__routeprefix": "1",
        "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests": "5",
        "AzureFunctionsJobHost__extensions__http__dynamicThrottlesEnabled": "True",
        "AZUREFUNCTIONSJOBHOST__logging__logLevel__Function": "Debug",
        "AzureFunctionsJobHost__functions__1": "D",
        "AzureFunctionsJobHost__": "nothing",
        "Another__version": "3.0",
    }
    assert read_host_json(write({"host.json": content}), environ) == {
        "version": "2.0",
        "extensions": {"http": {"routePrefix": "1", "maxConcurrentRequests": 5, "dynamicThrottlesEnabled": True}},
        "logging": {"logLevel": {"Function": "Debug"}},
        "functions": ["A", "D", "C"],
    }


def test_an_override_of_the_wrong_type_says_which_variable_it_is(write: Write) -> None:
    """The mistake may be in the environment, so the remedy names the variable."""
    with pytest.raises(SettingsError) as caught:
        read_host_json(write({}), {"AzureFunctionsJobHost__extensions__http__maxConcurrentRequests": "many"})
    assert "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests" in caught.value.remedy


@pytest.mark.parametrize("level", ["Verbose", "", 3, True])
def test_an_unknown_log_level(tmp_path: Path, level: object) -> None:
    """A level that Azure's host would refuse is told with its category and line."""
    content = {"version": "2.0", "logging": {"logLevel": {"default": "Information", "Function": level}}}
    (tmp_path / "host.json").write_text(json.dumps(content, indent=1))
    with pytest.raises(SettingsError, match=r"logging\.logLevel\.Function") as raised:
        read_host_json(tmp_path, {})
    assert raised.value.line == 6
