"""Reading ``local.settings.json`` and applying it to the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hosting.apps.local_settings import LocalSettings, apply_settings, read_local_settings
from hosting.errors import SettingsError

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="=\0"), min_size=1)


def _file(folder: Path, content: Any) -> Path:
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    (folder / "local.settings.json").write_text(text, encoding="utf-8")
    return folder


@given(values=st.dictionaries(NAMES, st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_text_in_values_reaches_the_environment_unchanged(values: dict[str, str], tmp_path: Path) -> None:
    """The app's code finds the same text in its environment."""
    environ: dict[str, str] = {}
    apply_settings(read_local_settings(_file(tmp_path, {"Values": values})), environ)
    assert {name: environ[name] for name in values} == values


def test_all_parts_of_the_file_are_read(tmp_path: Path) -> None:
    """The parts are values, connection strings by name, and defaults of the command's options."""
    read = read_local_settings(
        _file(
            tmp_path,
            """{
              "IsEncrypted": false, // in clear
              "Values": {"TEXT": "a", "NUMBER": 1.50, "SWITCH": true, "EMPTY": ""},
              "ConnectionStrings": {"Db": "x", "Old": {"ConnectionString": "y", "ProviderName": "p"}},
              "Host": {"LocalHttpPort": 7072, "LocalHttpAddress": "0.0.0.0", "CORS": "http://a, http://b",
                       "CORSCredentials": true},
            }""",
        )
    )
    assert read == LocalSettings(
        root=tmp_path.resolve(),
        values={
            "TEXT": "a",
            "NUMBER": "1.50",
            "SWITCH": "true",
            "EMPTY": "",
            "ConnectionStrings:Db": "x",
            "ConnectionStrings:Old": "y",
        },
        port=7072,
        address="0.0.0.0",
        cors=("http://a", "http://b"),
        cors_credentials=True,
    )


def test_sections_and_keys_of_host_ignore_case(tmp_path: Path) -> None:
    """Names of settings keep their case, as variables of the environment do."""
    content = {
        "isEncrypted": False,
        "values": {"A": "x", "a": "y"},
        "CONNECTIONSTRINGS": {"Db": {"connectionstring": "z"}},
        "host": {"localHttpPort": 7072, "LOCALHTTPADDRESS": "::1", "cors": "*", "corsCredentials": "TRUE"},
    }
    assert read_local_settings(_file(tmp_path, content)) == LocalSettings(
        tmp_path.resolve(),
        values={"A": "x", "a": "y", "ConnectionStrings:Db": "z"},
        port=7072,
        address="::1",
        cors=("*",),
        cors_credentials=True,
    )


def test_section_in_two_spellings_is_merged(tmp_path: Path) -> None:
    """As for a repeated setting, the last value counts."""
    content = {"Values": {"A": "1", "B": "1"}, "values": {"B": "2"}}
    assert read_local_settings(_file(tmp_path, content)).values == {"A": "1", "B": "2"}


def test_text_with_a_boolean_counts_for_encryption(tmp_path: Path) -> None:
    """Newtonsoft converts such a text."""
    assert read_local_settings(_file(tmp_path, {"IsEncrypted": "False", "Values": {"A": "x"}})).values == {"A": "x"}


def test_encrypted_file_is_an_error_in_any_case(tmp_path: Path) -> None:
    """The error has the line of the key."""
    with pytest.raises(SettingsError, match="is encrypted") as caught:
        read_local_settings(_file(tmp_path, {"values": {}, "ISENCRYPTED": True}))
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("section", "key", "value", "reason"),
    [
        ("Values", "A=B", "x", "the name of an environment variable cannot have the character '='"),
        ("values", "=", "x", "the name of an environment variable cannot have the character '='"),
        ("Values", "A\0", "x", "its name has the character NUL"),
        ("Values", "A", "x\0y", "its value has the character NUL"),
        ("Values", "A\ud800", "x", "its name has half of a surrogate pair"),
        ("Values", "A", "\udcff", "its value has half of a surrogate pair"),
        ("ConnectionStrings", "", "x", "its name is empty"),
        ("ConnectionStrings", "A=B", "x", "the name of an environment variable cannot have the character '='"),
        ("connectionStrings", "Db", "x\0", "its value has the character NUL"),
    ],
)
def test_setting_that_no_environment_can_have_is_skipped_with_its_line(
    section: str, key: str, value: str, reason: str, tmp_path: Path
) -> None:
    """The other settings apply, and the message can be printed."""
    read = read_local_settings(_file(tmp_path, {section: {"FIRST": "1", key: value, "LAST": "2"}}))
    prefix = "" if section.lower() == "values" else "ConnectionStrings:"
    assert read.values == {f"{prefix}FIRST": "1", f"{prefix}LAST": "2"}
    (problem,) = read.problems
    assert (problem.severity, problem.line) == ("error", 4)
    assert problem.file == str(tmp_path / "local.settings.json")
    assert problem.message.startswith(f"local.settings.json: the setting {key!r} is skipped: {reason}")
    assert problem.message.encode()
    environ = dict(os.environ)
    apply_settings(read, environ)
    subprocess.run(["true"], env=environ, check=True)


@pytest.mark.parametrize(
    ("content", "key", "remedy"),
    [
        ({"value": {}}, "value", "Did you mean 'Values'?"),
        ({"Value": {}}, "Value", "Did you mean 'Values'?"),
        ({"connectionString": {}}, "connectionString", "Did you mean 'ConnectionStrings'?"),
        ({"Encrypted": False}, "Encrypted", "Did you mean 'IsEncrypted'?"),
        ({"Hosts": {}}, "Hosts", "Did you mean 'Host'?"),
        ({"MY_SETTING": "x"}, "MY_SETTING", "The sections are IsEncrypted, Values, ConnectionStrings, Host; "),
        ({"Host": {"HttpPort": 7000}}, "Host.HttpPort", "Did you mean 'LocalHttpPort'?"),
        ({"host": {"x": 7000}}, "Host.x", "Host can have LocalHttpPort, LocalHttpAddress, CORS, CORSCredentials."),
    ],
)
def test_key_that_nothing_reads_is_a_problem_with_a_suggestion(
    content: dict[str, Any], key: str, remedy: str, tmp_path: Path
) -> None:
    """A misspelled section would otherwise lose all of its settings."""
    (problem,) = read_local_settings(_file(tmp_path, content)).problems
    assert problem.message == f"local.settings.json: nothing reads {key!r}"
    assert problem.remedy.startswith(remedy)
    assert problem.line == (3 if "." in key else 2)


def test_keys_for_editors_and_people_are_no_problem(tmp_path: Path) -> None:
    """Schemas and comments begin with a sign."""
    content = {"$schema": "x", "_comment": "x", "//": "x", "#": "x", "Values": {}}
    assert read_local_settings(_file(tmp_path, content)).problems == ()


@pytest.mark.parametrize("content", [{}, {"Values": None, "Host": None}])
def test_empty_file_is_valid(content: dict[str, Any], tmp_path: Path) -> None:
    """A missing IsEncrypted means false."""
    assert read_local_settings(_file(tmp_path, content)) == LocalSettings(tmp_path.resolve())


def test_missing_file_means_no_settings(tmp_path: Path) -> None:
    """An app in a container has no such file."""
    assert read_local_settings(tmp_path) == LocalSettings(tmp_path.resolve())


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ('{"Values": {\n"A": {"B": 1}}}', 2, "Values.A: expected a text, found an object"),
        ('{"Values": []}', 1, "Values: expected an object, found a list"),
        ('{"IsEncrypted": "no"}', 1, "IsEncrypted: expected true or false, found the text 'no'"),
        ('{"Host": {"LocalHttpPort": 70000}}', 1, "Host.LocalHttpPort: expected a port number, 0 to 65535, "),
        ('{"Host": {"LocalHttpPort": true}}', 1, "Host.LocalHttpPort: expected a port number, 0 to 65535, found true"),
        ('{"Host": {"LocalHttpAddress": "a\\u0000"}}', 1, "Host.LocalHttpAddress: expected a text, found the text "),
        ('{"Host": {\n"cors": "\\ud800"}}', 2, "Host.CORS: expected a text, found the text "),
        ('{"Host": {"CORS": ["*"]}}', 1, "Host.CORS: expected a text, found a list"),
        ('{"Host": {"CORSCredentials": {}}}', 1, "Host.CORSCredentials: expected true or false, found an object"),
        (
            '{"ConnectionStrings":\n{"Db": {}}}',
            2,
            'ConnectionStrings.Db: expected a text, or an object with "ConnectionString", found an object',
        ),
    ],
)
def test_value_of_the_wrong_type_is_an_error_with_its_line(
    content: str, line: int, message: str, tmp_path: Path
) -> None:
    """The message has the key, the expected type and the value."""
    with pytest.raises(SettingsError) as caught:
        read_local_settings(_file(tmp_path, content))
    assert caught.value.line == line
    assert caught.value.message.startswith(f"local.settings.json: {message}")


def test_encrypted_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """Only Azure's tools on one machine can read an encrypted file."""
    with pytest.raises(SettingsError, match="is encrypted") as caught:
        read_local_settings(_file(tmp_path, {"IsEncrypted": True, "Values": {"A": "ZW5jcnlwdGVk"}}))
    assert "func settings decrypt" in caught.value.remedy


def test_skipped_setting_is_a_warning(tmp_path: Path) -> None:
    """A null, an empty name, and an environment other than Development are skipped."""
    content = {"Values": {"A": None, "": "x", "AZURE_FUNCTIONS_ENVIRONMENT": "Production", "B": "b"}}
    read = read_local_settings(_file(tmp_path, content))
    assert read.values == {"B": "b"}
    assert [(problem.severity, problem.line, problem.message) for problem in read.problems] == [
        ("warning", 3, "local.settings.json: the setting 'A' is skipped: it is null"),
        ("warning", 4, "local.settings.json: the setting '' is skipped: its name is empty"),
        (
            "warning",
            5,
            "local.settings.json: the setting 'AZURE_FUNCTIONS_ENVIRONMENT' is skipped: it is always Development here",
        ),
    ]


def test_variable_with_a_value_wins_over_the_setting(tmp_path: Path) -> None:
    """Its name is returned; an empty variable is replaced."""
    environ = {"A": "environment", "B": ""}
    skipped = apply_settings(LocalSettings(tmp_path, {"A": "file", "B": "file", "C": "file"}), environ)
    assert skipped == ("A",)
    assert {name: environ[name] for name in "ABC"} == {"A": "environment", "B": "file", "C": "file"}


def test_variables_of_azures_tools_are_added(tmp_path: Path) -> None:
    """They are the worker's language and version, the name of the environment, and the app's folder."""
    environ = {"AzureWebJobsScriptRoot": "another app", "FUNCTIONS_WORKER_RUNTIME": "custom"}
    apply_settings(LocalSettings(tmp_path), environ)
    assert environ == {
        "AzureWebJobsScriptRoot": str(tmp_path),
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "FUNCTIONS_WORKER_RUNTIME": "custom",
        "FUNCTIONS_WORKER_RUNTIME_VERSION": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
