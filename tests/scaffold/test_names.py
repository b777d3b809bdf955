"""Which names are taken, what they become, and what is said of the others."""

from __future__ import annotations

import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from hosting.errors import HostingError
from hosting.scaffold.names import LONGEST, app_name, extension_names, function_names

AZURES_RULE = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)
SPELLINGS = st.from_regex(r"[A-Za-z]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)


@given(SPELLINGS.filter(lambda text: canonicalize_name(text).removeprefix("hosting-") != "hosting"))
def test_an_extensions_names_fit_their_places(text: str) -> None:
    """Whatever is typed, registries spell the distribution so, and Python can import and define the rest."""
    if not canonicalize_name(text).removeprefix("hosting-")[0].isalpha():
        with pytest.raises(HostingError, match="Begin with a letter"):
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
def test_spellings_of_one_name_are_one_extension(text: str) -> None:
    """A prefix that is typed is not written twice, and case and separators do not count."""
    assert extension_names(text) == ("request-id", "hosting-request-id", "hosting_request_id", "RequestIdExtension")


@pytest.mark.parametrize("text", ["", "-a", "a-", "a b", "é", "a/b", "../a", ".", "a\n", "a$"])
def test_a_project_is_named_as_registries_allow(text: str) -> None:
    """Names that no registry would take are refused with the rule."""
    for read in (extension_names, app_name):
        with pytest.raises(HostingError, match=r"ASCII letters, digits, '\.', '_' and '-'"):
            read(text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [("hosting", "host's own"), ("Hosting", "host's own"), ("3d", "Begin with a letter"), ("a" * 41, "40 at most")],
)
def test_names_that_an_extension_cannot_have(text: str, rule: str) -> None:
    """The host's own name, what no class can be called, and what is too long for a line."""
    with pytest.raises(HostingError, match=rule):
        extension_names(text)


def test_the_longest_name_is_taken() -> None:
    """The limit is part of what is allowed."""
    assert len(extension_names("a" * LONGEST).name) == LONGEST


@given(st.text(alphabet=st.sampled_from("aZ09_-.é h"), max_size=130))
def test_a_function_is_named_as_azures_host_allows(text: str) -> None:
    """In a v2 app every name that the host takes is taken, unless Python has it for itself, and no other."""
    allowed = bool(AZURES_RULE.fullmatch(text)) and text.lower() != "host"
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
    ("text", "model", "rule"),
    [
        ("host", "v1", "'host' is taken"),
        ("HOST", "v2", "'host' is taken"),
        ("_x", "v2", "a letter, then at most 127"),
        ("a" * 129, "v2", "a letter, then at most 127"),
        ("class", "v2", "a word of the Python language"),
        ("None", "v1", "a word of the Python language"),
        ("order-report", "v1", "Use '_' instead of '-'"),
        ("queue", "v1", "everybody's 'import queue' would find"),
        ("azure", "v1", "such as Azure"),
        ("pytest", "v1", "everybody's 'import pytest' would find"),
        ("aux", "v1", "on Windows no folder can"),
        ("Com1", "v1", "on Windows no folder can"),
    ],
)
def test_refused_functions_hear_the_rule(text: str, model: str, rule: str) -> None:
    """The message has the rule that the name breaks."""
    with pytest.raises(HostingError, match=re.escape(rule)):
        function_names(text, model)


@pytest.mark.parametrize("text", ["con", "NUL", "aux.txt", "lpt1"])
def test_an_apps_folder_can_be_made_on_every_system(text: str) -> None:
    """On Windows these are devices, whatever their extension; a package's folder has another name, and may."""
    with pytest.raises(HostingError, match="on Windows no folder can"):
        app_name(text)
    assert extension_names(text)
    assert app_name(f"x{text}")
    assert function_names(text.partition(".")[0], "v2")


def test_a_v2_function_may_have_a_name_that_python_cannot_spell() -> None:
    """What Python calls it differs then, and a queue is called after it all the same."""
    assert function_names("Order-Report_2", "v2") == ("Order-Report_2", "Order_Report_2", "order-report-2")
    assert function_names("list", "v2") == ("list", "list_", "list")
