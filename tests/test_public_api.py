"""What authors may rely on: a change here is a change for them, and belongs into the changelog."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import hosting

SIGNATURES = {
    "AppHandle": "(extension: 'str', shared: 'SharedApp') -> 'None'",
    "GuardError": (
        "(message: 'str', *, guard: 'str', status: 'int', invocation_id: 'str', remedy: 'str' = '') -> 'None'"
    ),
    "HookCall": (
        "(extension: 'str', hook: 'str', is_resumed: 'bool', seconds: 'float', exception: 'BaseException | None')"
        " -> 'None'"
    ),
    "Inject": "()",
    "Invocation": "(source: 'Source') -> 'None'",
    "InvocationOutcome": (
        "(kind: 'OutcomeKind', exception: 'BaseException | None' = None, status: 'int | None' = None) -> 'None'"
    ),
    "Mark": "()",
    "Marked": "(name: 'str', annotation: 'Any', mark: 'Any', default: 'Any') -> 'None'",
    "Order": "(before: 'tuple[str, ...]' = (), after: 'tuple[str, ...]' = ()) -> 'None'",
    "Outcome": "(result: 'Any' = None, exception: 'BaseException | None' = None) -> 'None'",
    "Request": "(argument: 'Any', function: 'Function', scope: 'Mapping[str, Any] | None' = None) -> 'None'",
    "ResponseHead": (
        "(status: ForwardRef('int'), method: ForwardRef('str'), path: ForwardRef('str'), function: ForwardRef('str'),"
        " request_headers: ForwardRef('Mapping[str, str]'))"
    ),
    "Secret": "(value: 'str') -> 'None'",
    "ShortCircuit": "(result: 'Any' = None) -> 'None'",
    "configure": "(extension: 'str', /, **settings: 'Any') -> 'None'",
    "extend": ("(*targets: 'Any', diagnostics_route: 'str | None' = None, health_route: 'str | None' = None) -> 'Any'"),
    "extension": "(target: 'T', /, *, name: 'str | None' = None) -> 'T'",
    "extension_logger": "(name: 'str') -> 'logging.Logger'",
    "provider": "(type: 'Any', /) -> 'Callable[[T], T]'",
    "use": "(*names: 'Any', **settings: 'Any') -> 'Any'",
    "without": "(extension: 'str', /) -> 'Callable[[T], T]'",
}

WARNINGS = {"ExperimentalWarning": FutureWarning, "RemovedIn2Warning": DeprecationWarning}


def test_interface_has_a_version_and_warnings_that_filters_know() -> None:
    """Deprecations are hidden from users by default, what may change is not; a version is two numbers."""
    assert {name: getattr(hosting, name).__base__ for name in WARNINGS} == WARNINGS
    assert [type(number) for number in hosting.INTERFACE] == [int, int]


def test_the_public_names_are_these() -> None:
    """The author's interface is a short sorted list."""
    assert hosting.__all__ == sorted(hosting.__all__)
    assert set(hosting.__all__) == {*SIGNATURES, *WARNINGS, "__version__", "hookimpl", "INTERFACE"}


def test_nothing_else_looks_public() -> None:
    """A name without an underscore that authors could see is in the list, or is a module of the package.

    What pytest adds to packages that bring it a plugin is no name that anybody could write.
    """
    modules = {path.stem for path in Path(hosting.__file__).parent.iterdir()}
    visible = {name for name in vars(hosting) if name.isidentifier() and not name.startswith("_")}
    assert visible - modules <= set(hosting.__all__)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_these(name: str) -> None:
    """Code that was written against a signature goes on working."""
    assert str(inspect.signature(getattr(hosting, name))) == SIGNATURES[name]


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_public_name_says_what_it_is_for(name: str) -> None:
    """An editor shows a docstring for each of them."""
    assert inspect.getdoc(getattr(hosting, name))


def test_the_marker_is_pluggys() -> None:
    """Hook implementations are marked for the project called hosting."""
    assert hosting.hookimpl.project_name == "hosting"


def test_the_version_is_written_once() -> None:
    """The package's version is a plain literal of three numbers, which the build reads too."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", hosting.__version__)
    tree = ast.parse(Path(hosting.__file__).read_text("utf-8"))
    assert hosting.__version__ in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
