"""Names of extensions, apps and functions: which are valid, what is derived from them, and the errors for others."""

from __future__ import annotations

import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from hosting.errors import HostingError
from hosting.scaffold.names import MAX_NAME_LENGTH, check_app_name, extension_names, function_names

AZURE_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)
SPELLINGS = st.from_regex(r"[A-Za-z]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)


@given(SPELLINGS.filter(lambda text: canonicalize_name(text).removeprefix("hosting-") != "hosting"))
def test_extension_names_are_valid_where_they_are_used(text: str) -> None:
    """The distribution's name is normalized, and Python accepts the names of package and class."""
    if not canonicalize_name(text).removeprefix("hosting-")[0].isalpha():
        with pytest.raises(HostingError, match="Start with a letter"):
            extension_names(text)
        return
    names = extension_names(text)
    assert names.distribution == canonicalize_name(names.distribution) == f"hosting-{names.name}"
    assert names.package.isidentifier()
    assert names.class_name.isidentifier()
    assert not keyword.iskeyword(names.class_name)


@pytest.mark.parametrize(
    "text", ["request-id", "hosting-request-id", "Request_ID", "hosting.request.id", "request--id"]
)
def test_spellings_of_one_extension_name_are_equal(text: str) -> None:
    """A prefix in the argument is not added again, and case and separators do not matter."""
    assert extension_names(text) == ("request-id", "hosting-request-id", "hosting_request_id", "RequestIdExtension")


@pytest.mark.parametrize("text", ["", "-a", "a-", "a b", "é", "a/b", "../a", ".", "a\n", "a$"])
def test_invalid_project_name_is_refused_with_the_rule(text: str) -> None:
    """Names that package indexes do not accept are refused for extensions and for apps."""
    for check in (extension_names, check_app_name):
        with pytest.raises(HostingError, match=r"ASCII letters, digits, '\.', '_' and '-'"):
            check(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hosting", "the name of the host"),
        ("Hosting", "the name of the host"),
        ("3d", "Start with a letter"),
        ("a" * 41, "at most 40"),
    ],
)
def test_invalid_extension_name_is_refused(text: str, message: str) -> None:
    """The host's own name, a name that a class cannot have, and a name that makes lines too long are refused."""
    with pytest.raises(HostingError, match=message):
        extension_names(text)


def test_longest_extension_name_is_accepted() -> None:
    """The limit itself is allowed."""
    assert len(extension_names("a" * MAX_NAME_LENGTH).name) == MAX_NAME_LENGTH


@given(st.text(alphabet=st.sampled_from("aZ09_-.é h"), max_size=130))
def test_v2_function_name_is_accepted_as_by_azure(text: str) -> None:
    """Every name that Azure's host accepts is accepted, unless it is a keyword of Python; others are not."""
    allowed = bool(AZURE_FUNCTION_NAME.fullmatch(text)) and text.lower() != "host"
    try:
        names = function_names(text, "v2")
    except HostingError:
        assert not allowed or keyword.iskeyword(text.replace("-", "_"))
        return
    assert allowed
    assert names.identifier.isidentifier()
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", names.slug)
    assert "--" not in names.slug


@pytest.mark.parametrize(
    ("text", "model", "message"),
    [
        ("host", "v1", "'host' is reserved"),
        ("HOST", "v2", "'host' is reserved"),
        ("_x", "v2", "a letter, then at most 127"),
        ("a" * 129, "v2", "a letter, then at most 127"),
        ("class", "v2", "a keyword of Python"),
        ("None", "v1", "a keyword of Python"),
        ("order-report", "v1", "Use '_' instead of '-'"),
        ("queue", "v1", "'import queue' would import the v1 function"),
        ("azure", "v1", "such as Azure"),
        ("pytest", "v1", "'import pytest' would import the v1 function"),
        ("aux", "v1", "a folder on Windows cannot have"),
        ("Com1", "v1", "a folder on Windows cannot have"),
    ],
)
def test_invalid_function_name_is_refused_with_the_rule(text: str, model: str, message: str) -> None:
    """The error contains the rule that the name violates."""
    with pytest.raises(HostingError, match=re.escape(message)):
        function_names(text, model)


@pytest.mark.parametrize("text", ["con", "NUL", "aux.txt", "lpt1"])
def test_device_name_is_refused_only_for_folders_of_that_name(text: str) -> None:
    """Windows has no folders with names of devices; an extension's folder and a v2 function have other names."""
    with pytest.raises(HostingError, match="a folder on Windows cannot have"):
        check_app_name(text)
    assert extension_names(text)
    check_app_name(f"x{text}")
    assert function_names(text.partition(".")[0], "v2")


def test_v2_function_name_may_differ_from_its_name_in_python() -> None:
    """A name that Python does not accept, or that is a builtin, gets another identifier; a queue is named after it."""
    assert function_names("Order-Report_2", "v2") == ("Order-Report_2", "Order_Report_2", "order-report-2")
    assert function_names("list", "v2") == ("list", "list_", "list")
