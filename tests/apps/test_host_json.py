"""``host.json``: defaults, validation, and overrides from the environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hosting.apps.host_json import read_host_json
from hosting.core import Problem
from hosting.errors import SettingsError

Write = Callable[[dict[str, Any]], Path]


@pytest.mark.parametrize("files", [{}, {"host.json": "{}"}, {"host.json": "{ /* later */ }"}])
def test_missing_or_empty_file_means_the_defaults(files: dict[str, Any], write: Write) -> None:
    """Azure's host writes the version into such a file; here the result is the same without writing."""
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
        (
            '{"version": "2.0", "extensionHost": {\n"guards": ["gate"],\n"guards": []}}',
            3,
            "host.json: extensionHost.guards is written twice, first in line 2",
        ),
        (
            '{"version": "2.0", "extensionHost": {"required": [], "extensions": {"a": {},\n"A": {}}}}',
            2,
            "host.json: extensionHost.extensions.A is written twice, first in line 1",
        ),
        (
            '{"version": "2.0",\n"extensionHost": {},\n"ExtensionHost": {"guards": ["gate"]}}',
            3,
            "host.json: ExtensionHost is written twice, first in line 2",
        ),
        ('{"version": "2.0", "extensionHost": []}', 1, "host.json: extensionHost: expected an object, found a list"),
        (
            '{"version": "2.0", "extensions": {"http": {"maxConcurrentRequests": true}}}',
            1,
            "host.json: extensions.http.maxConcurrentRequests: expected a whole number, found true",
        ),
    ],
)
def test_invalid_content_is_an_error_with_file_and_line(
    content: str, line: int | None, message: str, write: Write
) -> None:
    """The version is missing or another one, or a value has the wrong type."""
    root = write({"host.json": content})
    with pytest.raises(SettingsError) as caught:
        read_host_json(root, {})
    assert (caught.value.file, caught.value.line, caught.value.message) == (str(root / "host.json"), line, message)


def test_known_names_are_normalized_to_their_documented_spelling(write: Write) -> None:
    """Names of sections ignore case in Azure. A null counts as missing."""
    content = {"version": "2.0", "Extensions": {"HTTP": {"RoutePrefix": "x"}}, "functions": None, "other": 1}
    assert read_host_json(write({"host.json": content}), {}) == {
        "version": "2.0",
        "extensions": {"http": {"routePrefix": "x"}},
        "other": 1,
    }


def test_keys_of_every_section_are_found_in_any_case(write: Write) -> None:
    """Also those that only a package reads, and those that the environment overrides."""
    content = {"VERSION": "2.0", "Extensions": {"QUEUES": {"BatchSize": 1, "other": 2}}, "Retry": {"Strategy": "x"}}
    environ = {"AzureFunctionsJobHost__extensions__queues__BATCHSIZE": "8"}
    read = read_host_json(write({"host.json": content}), environ)
    assert read["extensions"]["queues"]["batchSize"] == 8
    assert read["extensions"].get("Queues").get("OTHER") == 2
    assert "Strategy" in read["retry"]
    assert "strategy" in read["RETRY"]
    assert read.get("missing") is None
    assert dict(read["extensions"]["queues"]) == {"BatchSize": 8, "other": 2}
    with pytest.raises(KeyError):
        read["missing"]


def test_section_in_two_spellings_is_merged(write: Write) -> None:
    """.NET's configuration has one section of a name; the last value counts."""
    text = '{"version": "2.0", "extensions": {"http": {"routePrefix": "a", "hsts": {}}, "HTTP": {"ROUTEPREFIX": "b"}}}'
    read = read_host_json(write({"host.json": text}), {})
    assert read["extensions"] == {"http": {"routePrefix": "b", "hsts": {}}}


def test_value_of_the_wrong_type_has_its_line_in_any_case(write: Write) -> None:
    """The key is found although the file spells it in another way than the message."""
    root = write({"host.json": '{"version": "2.0",\n"Extensions": {\n"Http": {\n"ROUTEPREFIX": 1}}}'})
    with pytest.raises(SettingsError) as caught:
        read_host_json(root, {})
    assert (caught.value.line, caught.value.message.partition(": expected")[0]) == (
        4,
        "host.json: extensions.http.routePrefix",
    )


@pytest.mark.parametrize(
    ("content", "key", "remedy"),
    [
        ({"extensionHosts": {}}, "extensionHosts", "Did you mean 'extensionHost'?"),
        ({"extension_host": {}}, "extension_host", "Did you mean 'extensionHost'?"),
        ({"extension": {}}, "extension", "Did you mean 'extensions'?"),
        ({"extensionBundles": {}}, "extensionBundles", "Did you mean 'extensionBundle'?"),
        ({"functionsTimeout": "00:01:00"}, "functionsTimeout", "Did you mean 'functionTimeout'?"),
        ({"logings": {}}, "logings", "Did you mean 'logging'?"),
        ({"extensions": {"https": {}}}, "extensions.https", "Did you mean 'http'?"),
        ({"extensions": {"queue": {}}}, "extensions.queue", "Did you mean 'queues'?"),
        ({"extensions": {"http": {"routPrefix": ""}}}, "extensions.http.routPrefix", "Did you mean 'routePrefix'?"),
        ({"logging": {"logLevels": {}}}, "logging.logLevels", "Did you mean 'logLevel'?"),
        ({"http": {"routePrefix": ""}}, "http", "Write it as extensions.http."),
        ({"logLevel": {}}, "logLevel", "Write it as logging.logLevel."),
    ],
)
def test_misspelled_section_is_a_problem_with_a_suggestion(
    content: dict[str, Any], key: str, remedy: str, tmp_path: Path
) -> None:
    """Azure's host ignores it silently."""
    text = json.dumps({"version": "2.0", **content}, indent=1)
    (tmp_path / "host.json").write_text(text)
    problems: list[Problem] = []
    read_host_json(tmp_path, {}, problems)
    (problem,) = problems
    assert problem.message.startswith(f"host.json: {key} ")
    assert (problem.severity, problem.remedy, problem.line) == ("warning", remedy, 3 + key.count("."))


def test_other_keys_are_no_problem(write: Write) -> None:
    """Azure's host ignores keys that it does not know, and extensions have sections of their own."""
    content = {
        "version": "2.0",
        "$schema": "x",
        "myOwn": 1,
        "CONCURRENCY": {},
        "logging": {"applicationInsights": {"samplingSettings": {}}, "logLevel": {"Function": "Debug"}},
        "extensions": {"ownExtension": {}, "eventhubs": {}, "durableTask": {}, "blobs": {"maxDegreeOfParallelism": 1}},
        "extensionBundle": {"id": "x", "version": "y"},
    }
    problems: list[Problem] = []
    read_host_json(write({"host.json": content}), {}, problems)
    assert problems == []


def test_misspelled_key_in_the_environment_is_a_problem_without_a_line(write: Write) -> None:
    """Overrides are checked like the file."""
    problems: list[Problem] = []
    read_host_json(write({}), {"AzureFunctionsJobHost__extensionHosts__order": "x"}, problems)
    assert [(one.message.split()[1], one.line) for one in problems] == [("extensionHosts", None)]


def test_equal_keys_of_different_objects_are_no_error(write: Write) -> None:
    """Objects in a list have keys of their own, and what is beside ``extensionHost`` is as Azure reads it."""
    text = """{"version": "2.0", "http": {"a": 1, "a": 2}, "extensionHost": {"extensions": {
        "a": {"settings": {"rules": [{"path": "x"}, {"path": "y"}]}, "functions": {}},
        "b": {"settings": {}}}}}"""
    extensions = read_host_json(write({"host.json": text}), {})["extensionHost"]["extensions"]
    assert extensions["a"]["settings"]["rules"] == [{"path": "x"}, {"path": "y"}]


def test_function_timeout_of_minus_one_may_be_a_number(write: Write) -> None:
    """Azure's host treats the number and the text -1 the same."""
    for value in (-1, "-1"):
        content = {"version": "2.0", "functionTimeout": value}
        assert read_host_json(write({"host.json": content}), {})["functionTimeout"] == "-1"


def test_environment_overrides_values_of_the_file(write: Write) -> None:
    """A variable's name has the path of the value, ignoring case; numbers, booleans and lists get their type."""
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


def test_override_of_the_wrong_type_names_the_variable(write: Write) -> None:
    """The error may be in the environment, so the remedy names the variable."""
    with pytest.raises(SettingsError) as caught:
        read_host_json(write({}), {"AzureFunctionsJobHost__extensions__http__maxConcurrentRequests": "many"})
    assert "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests" in caught.value.remedy


@pytest.mark.parametrize("level", ["Verbose", "", 3, True])
def test_unknown_log_level_is_an_error_with_category_and_line(tmp_path: Path, level: object) -> None:
    """Azure's host rejects such a level too."""
    content = {"version": "2.0", "logging": {"logLevel": {"default": "Information", "Function": level}}}
    (tmp_path / "host.json").write_text(json.dumps(content, indent=1))
    with pytest.raises(SettingsError, match=r"logging\.logLevel\.Function") as raised:
        read_host_json(tmp_path, {})
    assert raised.value.line == 6
