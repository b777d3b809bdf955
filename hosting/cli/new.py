"""The commands ``hosting new extension``, ``hosting new app`` and ``hosting new function``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hosting.cli.completion import complete_hooks
from hosting.cli.params import Choice, several

if TYPE_CHECKING:
    from hosting.scaffold.extension import Level
    from hosting.scaffold.function import Kind, Model

LEVELS: tuple[Level, ...] = ("app", "function")
MODELS: tuple[Model, ...] = ("v2", "v1")
KINDS: tuple[Kind, ...] = ("http", "timer", "queue", "blob")

Command = Callable[..., None]


@click.group()
def new() -> None:
    """Make an app, a function or an extension.

    What is made is complete, and its tests pass. What the options do not say is asked for at a terminal, and is the
    default elsewhere.
    """


def _folder(name: str, told: str) -> Callable[[Command], Command]:
    return click.option(name, "folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help=told)


def _force(told: str) -> Callable[[Command], Command]:
    return click.option("--force", is_flag=True, help=told)


@new.command("extension")
@click.argument("name")
@click.option("--level", type=Choice(LEVELS), help="For the whole app, or for functions that ask for it [app].")
@click.option(
    "--hook",
    "hooks",
    multiple=True,
    callback=several,
    shell_complete=complete_hooks,
    metavar="HOOK,...",
    help="Hooks to begin with, such as pre_invocation [invocation].",
)
@click.option("--async/--sync", "is_async", default=None, help="Write the hooks as async def [sync].")
@_folder("--dir", "Where to write it [./hosting-NAME].")
@_force("Replace files that are there already.")
def new_extension(
    name: str, level: Level | None, hooks: Sequence[str], is_async: bool | None, folder: Path | None, force: bool
) -> None:
    """Make the package hosting-NAME, with an extension called NAME."""
    from hosting.cli import prompts
    from hosting.scaffold.extension import DEFAULT_HOOKS, chosen_hooks, extension_files, hooks_of
    from hosting.scaffold.names import extension_names
    from hosting.scaffold.writer import write

    names = extension_names(name)
    asking = prompts.can_ask()
    if level is None:
        level = prompts.choose("Level", LEVELS, "app") if asking else "app"
    if asking and not hooks:
        hooks = prompts.listed(
            f"Hooks, of {', '.join(hooks_of(level))}", partial(chosen_hooks, level=level), DEFAULT_HOOKS
        )
    if is_async is None:
        is_async = asking and click.confirm("Are the hooks async def?", default=False)
    files = extension_files(names, level, chosen_hooks(hooks, level), is_async=is_async)
    folder = folder or Path(names.distribution)
    write(folder, files, force=force)
    _tell(f"Made {names.distribution}:", files)
    _tell("Next:", [*_go_to(folder), "pip install --editable '.[dev]'", "pytest"])


@new.command("app")
@click.argument("name")
@click.option("--model", type=Choice(MODELS), help="Decorators in function_app.py, or function.json [v2].")
@_folder("--dir", "Where to write it [./NAME].")
@_force("Replace files that are there already.")
def new_app(name: str, model: Model | None, folder: Path | None, force: bool) -> None:
    """Make the function app NAME, with one HTTP function."""
    from hosting.cli import prompts
    from hosting.scaffold.app import app_files
    from hosting.scaffold.names import app_name
    from hosting.scaffold.writer import write

    app_name(name)
    if model is None:
        model = prompts.choose("Programming model", MODELS, "v2") if prompts.can_ask() else "v2"
    files = app_files(name, model)
    folder = folder or Path(name)
    write(folder, files, force=force)
    _tell(f"Made {name}:", files)
    _tell("Next:", [*_go_to(folder), "pip install --requirement requirements-dev.txt", "pytest", "hosting start"])


@new.command("function")
@click.argument("name")
@click.option("--template", "kind", type=Choice(KINDS), help="What triggers the function.")
@_folder("--app-dir", "The app's folder [the current one].")
@_force("Replace a v1 function, or a test, that is there already.")
def new_function(name: str, kind: Kind | None, folder: Path | None, force: bool) -> None:
    """Add the function NAME to an app, v1 or v2, with a test."""
    from hosting.cli import prompts
    from hosting.scaffold.function import add_function, find_place
    from hosting.scaffold.writer import write

    place = find_place(folder or Path())
    if kind is None:
        if not prompts.can_ask():
            raise click.UsageError(f"Missing option '--template'. Choose from: {', '.join(KINDS)}.")
        kind = prompts.choose("Template", KINDS, "http")
    added = add_function(place, name, kind, force=force)
    write(place.root, added.files, changes=added.changes, force=force)
    _tell(f"Added {name}:", [*(f"{path} (changed)" for path in added.changes), *added.files])
    _tell("Next:", [*added.steps, "pytest"])


def _tell(title: str, lines: Iterable[str]) -> None:
    click.echo("\n  ".join([title, *lines]))


def _go_to(folder: Path) -> list[str]:
    from shlex import quote

    return [] if folder.resolve() == Path.cwd() else [f"cd {quote(str(folder))}"]
