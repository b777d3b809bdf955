"""Parameters that several commands share: arguments, options, types of values, and what a shell completes for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hosting._text import comma_separated, did_you_mean

LONGEST = 31_536_000
"""The longest duration of an option: a year of seconds."""

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Choice(click.Choice[str]):
    """One of a few words; the error for a misspelled word suggests the right one."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Return click's message, with a suggestion if a word is similar."""
        hint = did_you_mean(str(value), self.choices)
        return f"{super().get_invalid_choice_message(value, ctx)}{hint and f' {hint}'}"


class Duration(click.FloatRange):
    """A number of seconds or hours. Floats can be infinite, or not a number: no timer takes those.

    Args:
        least: the least that is valid.
        is_open: whether ``least`` itself is not valid.
    """

    def __init__(self, least: float = 0, *, is_open: bool = False) -> None:
        super().__init__(least, min_open=is_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, if a timer can take it."""
        number: float = super().convert(value, param, ctx)
        if not number <= LONGEST:  # NaN is not less than any number
            self.fail(f"{value} is not a number up to {LONGEST:,.0f}.", param, ctx)
        return number


def comma_separated_option(
    _context: click.Context, _parameter: click.Parameter, values: Sequence[str]
) -> tuple[str, ...]:
    """Return the words of an option that may be repeated and may list several words with commas."""
    return tuple(word for value in values for word in comma_separated(value))


def complete_folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def complete_functions(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of functions of the app in the folder typed before, or in the current folder."""
    from hosting.apps.folder import app_folder
    from hosting.apps.outline import function_names

    # click does not parse arguments while the value of an option is incomplete.
    folder = context.args[0] if context.args else context.params.get("app_dir")
    return completed_list(function_names(app_folder(Path(folder or "."))), incomplete)


def completed_list(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Complete the last item of a comma-separated list; items that are in the list already are left out."""
    from click.shell_completion import CompletionItem

    before, comma, last = incomplete.rpartition(",")
    listed = before.lower().split(",")
    matching = [word for word in words if word.lower().startswith(last.lower()) and word.lower() not in listed]
    return [CompletionItem(f"{before}{comma}{word}") for word in matching]


def app_folder_argument(context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    """Return the app's folder: the one that was named, the nearest one above it, or that of a file of the app."""
    if context.resilient_parsing:
        return path
    from hosting.apps.folder import app_folder  # not needed for --help

    return app_folder(path)


APP_DIR = click.argument(
    "app_dir",
    default=".",
    type=click.Path(path_type=Path),
    callback=app_folder_argument,
    shell_complete=complete_folders,
)
"""The app's folder, resolved (default: the current folder, or the nearest one above it with a host.json)."""

FUNCTIONS = click.option(
    "--functions",
    multiple=True,
    callback=comma_separated_option,
    shell_complete=complete_functions,
    metavar="NAME,...",
    help="Load only these functions (default: all).",
)
