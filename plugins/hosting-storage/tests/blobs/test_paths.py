"""Paths of blobs, and the patterns of triggers: matches, tokens, and errors."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_storage.blobs.paths import BlobPath, BlobPattern

NAMES = st.text(st.sampled_from("ab./- %{}é\n"), max_size=12)


@pytest.mark.parametrize(
    ("pattern", "blob", "tokens"),
    [
        ("images/{name}", "a/b c.png", {"name": "a/b c.png"}),
        ("images/{name}", "", {"name": ""}),
        ("images/{name}.{ext}", "a.b.c", {"name": "a.b", "ext": "c"}),
        ("images/{name}.png", "a.png.png", {"name": "a.png"}),
        ("images/in/{name}.png", "in/x.png", {"name": "x"}),
        ("images/in/{name}.png", "out/x.png", None),
        ("images/{a}{b}", "xy", {"a": "xy", "b": ""}),
        ("images/{a}-{b}-{a}", "1-2-3-4", {"a": "4", "b": "3"}),
        ("images/{{{name}}}", "{x}", {"name": "x"}),
        ("images/{{x}}", "{x}", {}),
        ("images/x.png", "x.png", {}),
        ("images/x.png", "X.png", None),
        ("images/ab{name}b", "ab", None),
        ("images", "anything/at all", {}),
        ("$web/{name}.html", "index.html", {"name": "index"}),
        ("images/{name}.png", "x.PNG", None),
    ],
)
def test_pattern_matches_greedily_and_case_sensitively(pattern: str, blob: str, tokens: dict[str, str] | None) -> None:
    """Tokens match greedily and case counts; a container alone matches every blob in it."""
    assert BlobPattern(pattern).match(blob) == tokens


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "Invalid blob trigger path ''. Paths must be in the format 'container/blob'."),
        ("images/", "Invalid blob trigger path 'images/'. Paths must be in the format 'container/blob'."),
        ("/x", "Invalid blob trigger path '/x'. Paths must be in the format 'container/blob'."),
        ("/", "Invalid blob trigger path '/'. Paths must be in the format 'container/blob'."),
        ("images\\x", "Invalid blob trigger path 'images\\x'. Paths must be in the format 'container/blob'."),
        ("{c}/x", "Invalid blob trigger path '{c}/x'. Container paths cannot contain {resolve} tokens."),
        ("Images/{name}", "Invalid container name: Images"),
        ("im/{name}", "Invalid container name: im"),
        ("im--ages/x", "Invalid container name: im--ages"),
        ("images/x.", "The given blob name 'x.' has an invalid suffix."),
        ("images/a\\b", "The given blob name 'a\\b' contains an illegal character"),
        ("images/{", "Missing closing bracket"),
        ("images/}", "Missing opening bracket"),
        ("images/{}", "The parameter name at position 8 is empty"),
        ("images/{a.b}", "The parameter name 'a.b' is invalid."),
        ("images/{a:N}", "The parameter name 'a:N' is invalid."),
        ("images/{a b}", "The parameter name 'a b' is invalid."),
    ],
)
def test_invalid_pattern_is_refused_in_the_words_of_azure(pattern: str, message: str) -> None:
    """An invalid path of a trigger is refused in the words of Azure's host."""
    with pytest.raises(ValueError, match=re.escape(message)):
        BlobPattern(pattern)


@given(st.lists(NAMES, min_size=2, max_size=5), NAMES)
def test_tokens_equal_the_groups_of_greedy_regular_expressions(literals: list[str], name: str) -> None:
    """For any pattern and name, the tokens are what greedy regular expressions find."""
    tokens = [f"t{number}" for number in range(len(literals) - 1)]
    escaped = [literal.replace("{", "{{").replace("}", "}}") for literal in literals]
    pattern = escaped[0] + "".join(f"{{{token}}}{text}" for token, text in zip(tokens, escaped[1:], strict=True))
    expected = re.fullmatch("(.*)".join(map(re.escape, literals)), name, re.DOTALL)
    match = BlobPattern(f"images/{pattern}").match(name)
    assert match == (None if expected is None else dict(zip(tokens, expected.groups(), strict=True)))


@given(st.lists(NAMES, min_size=2, max_size=4), st.lists(NAMES, min_size=3, max_size=3))
def test_name_made_from_a_pattern_matches_it(literals: list[str], values: list[str]) -> None:
    """A name that is made from a pattern matches it, and starts with its prefix."""
    tokens = [f"{{t{number}}}" for number in range(len(literals) - 1)]
    escaped = [literal.replace("{", "{{").replace("}", "}}") for literal in literals]
    pattern = BlobPattern("images/" + escaped[0] + "".join(map("".join, zip(tokens, escaped[1:], strict=True))))
    name = literals[0] + "".join(map("".join, zip(values, literals[1:], strict=False)))
    assert pattern.match(name) is not None
    assert name.startswith(pattern.prefix)


def test_pattern_that_is_slow_as_a_regular_expression_is_matched_at_once() -> None:
    """A name and a pattern that take a regular expression hours are matched at once."""
    pattern = BlobPattern("images/" + "".join(f"{{t{number}}}a" for number in range(60)) + "b")
    assert pattern.match("a" * 1024) is None


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("images/x.png", BlobPath("images", "x.png")),
        ("images/a/b c/é%20.png", BlobPath("images", "a/b c/é%20.png")),
        ("$root/x", BlobPath("$root", "x")),
        ("https://account.blob.core.windows.net/images/a%20b/c.png", BlobPath("images", "a b/c.png")),
        ("http://127.0.0.1:10000/devstoreaccount1/images/%25.png?sv=1", BlobPath("images", "%.png")),
    ],
)
def test_path_is_parsed_from_a_path_or_a_url(text: str, path: BlobPath) -> None:
    """A blob is named by a path, or by a URL, in which its name is escaped."""
    assert BlobPath.parse(text) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images", "Invalid blob path specified : 'images'. Blob identifiers must be in the format 'container/blob'."),
        ("", "Invalid blob path specified : ''."),
        ("/x", "Invalid blob path specified : '/x'."),
        ("images/", "Invalid blob path specified : 'images/'."),
        ("Images/x", "Invalid container name: Images"),
        ("images/x/.", "has an invalid suffix"),
        (f"images/{'x' * 1025}", "is too long"),
        ("images/../secrets/key", "one of its segments is '.' or '..'"),
        ("images/a/./b", "one of its segments is '.' or '..'"),
        ("https://account.blob.core.windows.net/images/%2e%2e/secrets/key", "one of its segments is '.' or '..'"),
        ("https://account.blob.core.windows.net/images", "Invalid absolute blob url"),
    ],
)
def test_invalid_path_is_refused_in_the_words_of_azure(text: str, message: str) -> None:
    """An invalid path of a blob is refused in the words of Azure's host."""
    with pytest.raises(ValueError, match=re.escape(message)):
        BlobPath.parse(text)


def test_path_of_a_whole_container_needs_no_blob() -> None:
    """Where a container is enough, a path needs no blob."""
    assert BlobPath.parse("images", whole_container=True) == BlobPath("images")
    assert str(BlobPath("images")) == "images"
    assert str(BlobPath("images", "a/b")) == "images/a/b"
