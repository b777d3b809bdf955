"""The public names and signatures of ``hosting.testing``."""

from __future__ import annotations

import inspect

import pytest

from hosting import testing

SIGNATURES = {
    "assert_isolated": "(extension: 'Any', *, settings: 'Mapping[str, Any] | None' = None, "
    "handles_errors: 'bool' = False) -> 'None'",
    "make_host": "(app: 'AppSource', *, extensions: 'Extensions | None' = None, "
    "settings: 'Mapping[str, str] | None' = None, host_json: 'Mapping[str, Any] | None' = None, "
    "inputs: 'Inputs | None' = None, functions: 'Collection[str]' = (), strict: 'bool' = False, "
    "raises: 'bool' = True) -> 'HostContextManager'",
    "unguarded": "(app: 'AppSource', *, extensions: 'Extensions | None' = None, "
    "settings: 'Mapping[str, str] | None' = None, host_json: 'Mapping[str, Any] | None' = None) -> 'list[str]'",
    "serve": "(app: 'Servable', *flags: 'str', settings: 'Mapping[str, str] | None' = None) -> 'Iterator[Server]'",
}


def test_public_names_are_the_pinned_ones() -> None:
    """The list is sorted, and each name exists."""
    assert testing.__all__ == sorted(testing.__all__)
    assert set(SIGNATURES) <= set(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)


@pytest.mark.parametrize("name", testing.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    """So has each public method and property of a class."""
    value = getattr(testing, name)
    assert inspect.getdoc(value)
    if inspect.isclass(value):
        silent = [
            member
            for member, attribute in vars(value).items()
            if not member.startswith("_") and (inspect.isroutine(attribute) or isinstance(attribute, property))
            if not inspect.getdoc(attribute)
        ]
        assert silent == []


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_the_pinned_ones(name: str) -> None:
    """Tests that rely on a signature continue to work."""
    assert str(inspect.signature(getattr(testing, name))) == SIGNATURES[name]
