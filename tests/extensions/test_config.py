"""Configuration of extensions: host.json's section, environment variables, and the errors for wrong values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.errors import SettingsError
from hosting.extensions import _config
from hosting.extensions._config import FLAG, Config, ExtensionConfig


def read_section(**keys: Any) -> Config:
    """Read a section of host.json."""
    return _config.read(keys, {})


@pytest.mark.parametrize("value", ["1", "true", "t", "yes", "y", "TRUE", "Yes", " True ", "T"])
def test_flag_with_a_true_word_is_on(value: str) -> None:
    """The flag is true for the words that Azure's worker takes for true, in any case."""
    assert _config.read(None, {FLAG: value}).enabled


@pytest.mark.parametrize("value", [None, "", "0", "false", "no", "on", "2", "enabled"])
def test_flag_that_is_unset_or_another_word_is_off(value: str | None) -> None:
    """Without the flag, and with any other word, extensions are off."""
    assert not _config.read(None, {} if value is None else {FLAG: value}).enabled


def test_config_without_a_section_has_the_documented_defaults() -> None:
    """Without a section, no extension is selected or excluded, and the numbers are the documented ones."""
    config = _config.read(None, {})
    assert (config.order, config.disabled, config.required, config.allowed) == ((), frozenset(), (), None)
    assert config.quarantine_after == 20
    assert config.budgets == _config.Budgets(5.0, 30.0, 10.0, 30.0)
    assert config == _config.read({}, {})


def test_section_with_every_key_is_read_completely() -> None:
    """Every documented key is read."""
    config = read_section(
        order=["auth", "*", "timer"],
        disabled=["noisy"],
        required=["auth"],
        quarantine={"consecutiveErrors": 3},
        budgets={"hook": 0.5, "startup": 1, "shutdown": 2, "load": 4},
        extensions={
            "timer": {"settings": {"digits": 3}, "functions": {"exclude": ["Health"]}},
            "profile": {"functions": {"include": ["Report"]}},
        },
    )
    assert config.order == ("auth", "*", "timer")
    assert config.disables("noisy")
    assert config.required == ("auth",)
    assert config.quarantine_after == 3
    assert config.budgets == _config.Budgets(0.5, 1, 2, 4)
    assert config.of("timer").settings == {"digits": 3}
    assert config.of("timer").exclude == ("Health",)
    assert config.of("profile").include == ("Report",)
    assert config.of("other").settings == {}


def test_environment_variables_add_names_to_the_section() -> None:
    """HOSTING_DISABLE and HOSTING_REQUIRE add names for one run; spaces and empty names do not count."""
    environ = {"HOSTING_DISABLE": " b ,,c", "HOSTING_REQUIRE": "x,Auth , y"}
    config = _config.read({"disabled": ["a"], "required": ["auth"]}, environ)
    assert [name for name in "abcd" if config.disables(name)] == ["a", "b", "c"]
    assert config.required == ("auth", "x", "y")


@pytest.mark.parametrize("value", ["", " ", ",", " , ,"])
def test_empty_allow_list_allows_every_distribution(value: str) -> None:
    """HOSTING_ALLOW without a name counts as unset: every distribution may load."""
    config = _config.read(None, {"HOSTING_ALLOW": value})
    assert config.allows("anything")
    assert config.allows(None)


@pytest.mark.parametrize("spelling", ["my-Ext", "my_ext", "MY.EXT", "my-_.ext"])
def test_allow_list_compares_distribution_names_in_any_spelling(spelling: str) -> None:
    """HOSTING_ALLOW takes a distribution's name in any spelling, and refuses a distribution without a name."""
    config = _config.read(None, {"HOSTING_ALLOW": f"other,{spelling}"})
    assert config.allows("My_Ext")
    assert not config.allows("my-extension")
    assert not config.allows(None)


def test_extension_name_in_the_section_matches_in_any_case() -> None:
    """An extension is found in the section in whatever case its name is written there."""
    config = read_section(disabled=["Noisy"], extensions={"Timer": {"settings": {"digits": 3}}})
    assert config.disables("NOISY")
    assert config.of("tIMER").settings == {"digits": 3}


@pytest.mark.parametrize(
    ("patterns", "name", "matches"),
    [
        (["Report"], "report", True),
        (["REPORT*"], "ReportDaily", True),
        (["*"], "Anything", True),
        (["Rep?rt"], "Report", True),
        (["Report"], "ReportDaily", False),
        (["A", "B"], "b", True),
        ([], "Report", False),
    ],
)
def test_include_and_exclude_patterns_match_wildcards_in_any_case(
    patterns: list[str], name: str, matches: bool
) -> None:
    """Both include and exclude take names with * and ?, ignoring case."""
    functions = {"include": patterns, "exclude": patterns}
    one = read_section(extensions={"timer": {"functions": functions}}).of("timer")
    assert (one.includes(name), one.excludes(name)) == (matches, matches)


@pytest.mark.parametrize(
    ("keys", "path", "expected"),
    [
        ({"order": "auth"}, "extensionHost.order", "a list of names"),
        ({"order": ["auth", 3]}, "extensionHost.order", "a list of names"),
        ({"disabled": {"a": True}}, "extensionHost.disabled", "a list of names"),
        ({"required": [None]}, "extensionHost.required", "a list of names"),
        ({"quarantine": 20}, "extensionHost.quarantine", "an object"),
        ({"quarantine": {"consecutiveErrors": 0}}, "extensionHost.quarantine.consecutiveErrors", "a whole number"),
        ({"quarantine": {"consecutiveErrors": 1.5}}, "extensionHost.quarantine.consecutiveErrors", "a whole number"),
        ({"quarantine": {"consecutiveErrors": True}}, "extensionHost.quarantine.consecutiveErrors", "a whole number"),
        ({"budgets": {"hook": 0}}, "extensionHost.budgets.hook", "a number above zero"),
        ({"budgets": {"startup": "30"}}, "extensionHost.budgets.startup", "a number above zero"),
        ({"budgets": {"shutdown": float("inf")}}, "extensionHost.budgets.shutdown", "a number above zero"),
        ({"budgets": {"shutdown": float("nan")}}, "extensionHost.budgets.shutdown", "a number above zero"),
        ({"budgets": []}, "extensionHost.budgets", "an object"),
        ({"extensions": ["timer"]}, "extensionHost.extensions", "an object"),
        ({"extensions": {"timer": True}}, "extensionHost.extensions.timer", "an object"),
        ({"extensions": {"timer": {"settings": []}}}, "extensionHost.extensions.timer.settings", "an object"),
        (
            {"extensions": {"timer": {"functions": {"include": "A"}}}},
            "extensionHost.extensions.timer.functions.include",
            "a list of names",
        ),
    ],
)
def test_value_of_the_wrong_kind_is_an_error_that_names_its_place(
    keys: dict[str, Any], path: str, expected: str
) -> None:
    """The error says where the value is, what was expected, and what was found."""
    with pytest.raises(SettingsError) as caught:
        read_section(**keys)
    assert f"host.json: {path} must be {expected}" in caught.value.message
    assert "found" in caught.value.message
    assert "host.json" in caught.value.remedy
    assert f"AzureFunctionsJobHost__{path.replace('.', '__')}" in caught.value.remedy


def test_keys_ignore_case() -> None:
    """Azure's host reads host.json so; names of settings are the extension's own and keep their case."""
    extension = {"Settings": {"a": 1, "A": 2}, "FUNCTIONS": {"Include": ["x"], "EXCLUDE": ["y"]}}
    section = {"ORDER": ["b", "a"], "Budgets": {"Hook": 1}, "extensions": {"timer": extension}}
    config = _config.read(section, {})
    assert (config.order, config.budgets.hook) == (("b", "a"), 1)
    assert config.of("TIMER") == ExtensionConfig({"a": 1, "A": 2}, ("x",), ("y",))


@pytest.mark.parametrize(
    ("keys", "remedy"),
    [
        ({"ordre": []}, "Did you mean 'order'?"),
        ({"quarantine": {"consecutiveErors": 3}}, "Did you mean 'consecutiveErrors'?"),
        ({"budgets": {"Start": 3}}, "Did you mean 'startup'?"),
        ({"extensions": {"timer": {"setings": {}}}}, "Did you mean 'settings'?"),
        ({"extensions": {"timer": {"functions": {"only": []}}}}, "Known keys: include, exclude."),
    ],
)
def test_unknown_key_is_an_error_with_a_suggestion(keys: dict[str, Any], remedy: str) -> None:
    """A key that is not read is an error with a suggestion, because it would otherwise be ignored silently."""
    with pytest.raises(SettingsError, match="unknown key") as caught:
        read_section(**keys)
    assert caught.value.remedy == remedy


def test_section_that_is_not_an_object_is_an_error() -> None:
    """The section itself must be an object."""
    with pytest.raises(SettingsError, match="extensionHost must be an object"):
        _config.read(["timer"], {})  # type: ignore[arg-type]


@pytest.mark.parametrize("order", [["a", "b", "a"], ["*", "a", "*"], ["Auth", "*", "auth"]])
def test_order_with_a_repeated_name_is_an_error(order: list[str]) -> None:
    """A name or a '*' that occurs twice in 'order' is an error."""
    with pytest.raises(SettingsError, match="more than once"):
        read_section(order=order)


def test_extension_with_two_objects_in_different_case_is_an_error() -> None:
    """Two objects whose names differ only in case would hide one another."""
    with pytest.raises(SettingsError, match="more than once: Timer, timer") as caught:
        read_section(extensions={"timer": {}, "Timer": {}})
    assert caught.value.remedy == "Merge them into one object: names are equal in any case."


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
KEYS = st.sampled_from(["order", "disabled", "required", "quarantine", "budgets", "extensions", "other"])


@given(st.dictionaries(KEYS, VALUES))
def test_section_of_any_content_is_read_or_raises_settings_error(values: dict[str, Any]) -> None:
    """Any content of host.json is either read or refused with a SettingsError; no other exception is raised."""
    refusal = None
    try:
        _config.read(values, {})
    except SettingsError as error:
        refusal = error
    assert refusal is None or (refusal.message.startswith("host.json: extensionHost") and refusal.remedy)


SELECTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...], list[bool], bool]] = {
    "nothing said": ((), (), [True, True], True),
    "included": (("o*",), (), [True, False], True),
    "included in another case": (("ORDERS",), (), [True, False], True),
    "excluded": ((), ("order?",), [False, True], True),
    "both": (("o*", "p*"), ("orders",), [False, True], True),
    "all excluded": ((), ("*",), [False, False], False),
    "another one included": (("zzz",), (), [False, False], False),
    "webhook included": (("zzz", "mcp/messages"), (), [False, False], True),
}


@pytest.mark.parametrize("case", SELECTIONS)
def test_include_and_exclude_choose_functions_by_patterns(case: str) -> None:
    """``exclude`` comes first; a webhook in ``include`` counts although it is no function."""
    include, exclude, selected, any_selected = SELECTIONS[case]
    chosen = ExtensionConfig(include=include, exclude=exclude)
    names = ("orders", "payments")
    assert [chosen.selects(name) for name in names] == selected
    assert chosen.selects_any(names) is any_selected
