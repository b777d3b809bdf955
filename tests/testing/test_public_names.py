"""What test authors may rely on."""

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
    "serve": "(app: 'Servable', *flags: 'str', settings: 'Mapping[str, str] | None' = None) -> 'Iterator[Server]'",
}


def test_the_public_names_are_these() -> None:
    """The list is sorted, and each name is there."""
    assert testing.__all__ == sorted(testing.__all__)
    assert set(SIGNATURES) <= set(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)


@pytest.mark.parametrize("name", testing.__all__)
def test_every_name_says_what_it_is_for(name: str) -> None:
    """Each has a docstring, and so has each public method and property of a class."""
    value = getattr(testing, name)
    assert inspect.getdoc(value)
    if inspect.isclass(value):
        silent = [
            member
            for member, found in vars(value).items()
            if not member.startswith("_") and (inspect.isroutine(found) or isinstance(found, property))
            if not inspect.getdoc(found)
        ]
        assert silent == []


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_these(name: str) -> None:
    """Tests that were written against a signature go on working."""
    assert str(inspect.signature(getattr(testing, name))) == SIGNATURES[name]
