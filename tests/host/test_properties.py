"""Properties of bindings: their ``{expressions}``, filled in for each invocation."""

from __future__ import annotations

import pytest

from tests.conftest import MakeApp
from tests.support.note_providers import ECHO, NoteInput, call, load_note_host


async def test_expressions_are_filled_in_and_quoted(make_app: MakeApp) -> None:
    """Where a binding declares it, expressions are filled in from what triggered the function."""
    host, notes = load_note_host(make_app, ECHO, AREA="north")
    assert (await call(host, "7")).exception is None
    assert notes.steps == [
        ("function", "7", ("in/7/north/{x}", "{id}")),
        ("encoded", "written"),
        ("written", "written", "out/<PATH:7>"),
    ]


async def test_unknown_name_fails_before_the_function_runs(make_app: MakeApp) -> None:
    """A name that nothing gives a value to fails the invocation, also if an output has it."""
    host, notes = load_note_host(make_app, ECHO.replace("out/{id}", "out/{nothing}"), AREA="north")
    assert "No value for named parameter 'nothing'" in str((await call(host, "7")).exception)
    assert notes.steps == []


def test_malformed_expression_is_an_error_of_the_function(make_app: MakeApp) -> None:
    """The function is in error, and nothing is left of it in the provider."""
    host, notes = load_note_host(make_app, ECHO.replace("out/{id}", "out/{id"), AREA="north")
    (problem,) = host.problems
    assert problem.function == "f"
    assert "'PATH' of binding 'two'" in problem.message
    assert notes.triggers == {}


def test_expressions_as_one_string_are_refused(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to write: letters are not properties."""
    monkeypatch.setattr(NoteInput, "expressions", "path")
    host, _ = load_note_host(make_app, ECHO, AREA="x")
    (problem,) = host.problems
    assert "NoteInput.expressions is a str; to name one property, write a tuple: ('path',)" in problem.message
