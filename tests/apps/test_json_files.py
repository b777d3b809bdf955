"""JSON with comments and trailing commas, and where its mistakes are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hosting.apps.json_files import describe_json, read_json
from hosting.errors import SettingsError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(content=st.dictionaries(st.text(), VALUES, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_comments_and_trailing_commas_change_nothing(content: dict[str, object], tmp_path: Path) -> None:
    """A file reads the same with comments and a trailing comma as without them."""
    file = tmp_path / "a.json"
    text = json.dumps(content)
    file.write_text("// a comment\n" + text[:-1] + (", /* one more */ }" if content else "}"), encoding="utf-8")
    assert read_json(file, SettingsError).content == content


def test_a_strict_file_does_not_import_the_tolerant_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a file that needs the tolerant parser pays for its import."""
    monkeypatch.setitem(sys.modules, "json5", None)
    file = tmp_path / "a.json"
    file.write_text('{"a": 1}', encoding="utf-8")
    assert read_json(file, SettingsError).content == {"a": 1}


@pytest.mark.parametrize("text", ['{"a": 1.50}', '{"a": 1.50,}'])
def test_raw_numbers_stay_as_they_are_written(text: str, tmp_path: Path) -> None:
    """A number that is asked for as text keeps its zeros, whichever parser reads the file."""
    file = tmp_path / "a.json"
    file.write_text(text, encoding="utf-8")
    assert read_json(file, SettingsError, raw_numbers=True).content == {"a": "1.50"}


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
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
def test_a_mistake_is_shown_where_it_is(content: bytes, line: int, message: str, tmp_path: Path) -> None:
    """File, line and what was found."""
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_json(file, SettingsError)
    assert (caught.value.file, caught.value.line, caught.value.message) == (str(file), line, message)


def test_a_file_that_cannot_be_read_is_a_mistake_of_its_owner(tmp_path: Path) -> None:
    """A folder where a file should be is told in one line."""
    with pytest.raises(SettingsError, match=f"{tmp_path.name} cannot be read: "):
        read_json(tmp_path, SettingsError)


def test_the_line_of_a_key_follows_the_path_to_it(tmp_path: Path) -> None:
    """A key is found below its parents, not where another one of its name stands; an unknown one has no line."""
    file = tmp_path / "a.json"
    file.write_text('{\n"b": 0,\n"a": {\n"b": 1}}', encoding="utf-8")
    read = read_json(file, SettingsError)
    assert [read.line("b"), read.line("a", "b"), read.line("c")] == [2, 4, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "null"), (True, "true"), ("x", "the text 'x'"), (1.5, "the number 1.5"), ([], "a list"), ({}, "an object")],
)
def test_kinds_of_values_are_told_in_words(value: object, expected: str) -> None:
    """A message says what was found as a person would."""
    assert describe_json(value) == expected
