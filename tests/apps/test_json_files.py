"""JSON with comments and trailing commas, and the location of errors in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hosting.apps.host_json import read_host_json
from hosting.apps.json_files import JsonFile, describe_json, read_json
from hosting.apps.local_settings import read_local_settings
from hosting.errors import SettingsError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(content=st.dictionaries(st.text(), VALUES, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_comments_and_trailing_commas_are_ignored(content: dict[str, object], tmp_path: Path) -> None:
    """A file has the same content with them and without them."""
    file = tmp_path / "a.json"
    text = json.dumps(content)
    file.write_text("// a comment\n" + text[:-1] + (", /* one more */ }" if content else "}"), encoding="utf-8")
    assert read_json(file, SettingsError).content == content


def test_strict_json_does_not_import_the_tolerant_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a file that needs the tolerant parser pays for its import."""
    monkeypatch.setitem(sys.modules, "json5", None)
    file = tmp_path / "a.json"
    file.write_text('{"a": 1}', encoding="utf-8")
    assert read_json(file, SettingsError).content == {"a": 1}


@pytest.mark.parametrize("text", ['{"a": 1.50}', '{"a": 1.50,}'])
def test_raw_numbers_keep_their_spelling(text: str, tmp_path: Path) -> None:
    """A number that is read as text keeps its zeros, with either parser."""
    file = tmp_path / "a.json"
    file.write_text(text, encoding="utf-8")
    assert read_json(file, SettingsError, raw_numbers=True).content == {"a": "1.50"}


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    """Windows editors begin a file with a byte order mark."""
    file = tmp_path / "a.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(file, SettingsError).content == {"a": 1}


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", 1, "a.json is not valid JSON: Empty strings are not legal JSON5"),
        (b'{"a": 1,\n "b": [1,,2]}', 2, "a.json is not valid JSON: unexpected ',' at column 10"),
        (b'{"a": 1', 1, "a.json is not valid JSON: unexpected end of input at column 8"),
        (b'{"a": "x\ny"}', 1, "a.json is not valid JSON: unexpected '\\n' at column 9"),
        (b"[1]", 1, "a.json: expected a JSON object, found a list"),
        (b'{"a":\n "\xff"}', 2, "a.json is not UTF-8: byte 8 is 0xff"),
    ],
)
def test_syntax_error_has_file_line_and_what_was_found(content: bytes, line: int, message: str, tmp_path: Path) -> None:
    """The message names the unexpected character and its column."""
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_json(file, SettingsError)
    assert (caught.value.file, caught.value.line, caught.value.message) == (str(file), line, message)


def test_unreadable_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    """A folder at the path of the file, for example, is not a bug of the host."""
    with pytest.raises(SettingsError, match=f"{tmp_path.name} cannot be read: "):
        read_json(tmp_path, SettingsError)


@pytest.mark.parametrize("target", [".", "host.json", "nothing.json"], ids=["folder", "itself", "missing file"])
def test_settings_that_cannot_be_read_are_not_taken_for_missing(tmp_path: Path, target: str) -> None:
    """The defaults would apply in silence: a link to a folder, to itself or to nothing is an error."""
    (tmp_path / "host.json").symlink_to(target)
    with pytest.raises(SettingsError, match=r"host\.json cannot be read: "):
        read_host_json(tmp_path, {})
    (tmp_path / "host.json").rename(tmp_path / "local.settings.json")
    with pytest.raises(SettingsError, match=r"local\.settings\.json cannot be read: "):
        read_local_settings(tmp_path)


def test_line_of_a_nested_key_is_found_below_its_parents(tmp_path: Path) -> None:
    """Another key of the same name is skipped, and an unknown key has no line."""
    file = tmp_path / "a.json"
    file.write_text('{\n"b": 0,\n"a": {\n"b": 1}}', encoding="utf-8")
    read = read_json(file, SettingsError)
    assert [read.line("b"), read.line("a", "b"), read.line("c")] == [2, 4, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "null"), (True, "true"), ("x", "the text 'x'"), (1.5, "the number 1.5"), ([], "a list"), ({}, "an object")],
)
def test_values_are_described_in_words(value: object, expected: str) -> None:
    """An error message describes the value."""
    assert describe_json(value) == expected


def test_deeply_nested_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    """Python's parser gives up after some thousand levels."""
    file = tmp_path / "a.json"
    file.write_text('{"a":' * 200_000, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"a\.json is nested too deeply") as caught:
        read_json(file, SettingsError)
    assert caught.value.file == str(file)


@pytest.mark.parametrize(
    ("text", "keys", "line"),
    [
        ('{"a": {},\n"A": {"b": 1},\n"x": 2}', ("A", "b"), 2),
        ('{\n"A": 1}', ("a",), 2),
        ('{"a": 1,\n"A": 2}', ("a",), 1),
        ('{"a": 1,\n"a": 2}', ("a",), 2),
        ('{"x": "\\"a\\": 1",\n// "a": 2\n/* "a":\n3 */ "a": 4}', ("a",), 4),
        ("{x: 1,\n'a': 2,\nb\n: 3}", ("a",), 2),
        ("{x: 1,\n'a': 2,\nb\n: 3}", ("b",), 3),
        ('{"list": [{"a": 1},\n{"b": 2}],\n"a": 3}', ("a",), 3),
        ('{\n"A\\u0000B\\ud800": 1}', ("A\0B\ud800",), 2),
        ('{"a": {"b": 1}}', ("b",), None),
        ("}]:,", ("a",), None),
    ],
)
def test_line_of_a_key_is_that_of_the_value_that_counts(
    text: str, keys: tuple[str, ...], line: int | None, tmp_path: Path
) -> None:
    """Texts and comments are skipped; the exact spelling comes first, and the last of equal keys counts."""
    assert JsonFile(tmp_path, text, {}).line(*keys) == line
