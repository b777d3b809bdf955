"""``hosting new``: create an app, a function or an extension."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hosting.cli.help import Command, Group
from hosting.cli.params import Choice, comma_separated_option, completed_list

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from hosting.scaffold.extension import Level
    from hosting.scaffold.function import Kind, Model

LEVELS: tuple[Level, ...] = ("app", "function")
MODELS: tuple[Model, ...] = ("v2", "v1")
KINDS: tuple[Kind, ...] = ("http", "timer", "queue", "blob", "durable", "mcp")
PAGE = "how-to/start-a-project"

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@click.group(
    cls=Group,
    examples=[
        "hosting new app shop",
        "hosting new function orders --template queue --app-dir shop",
        "hosting new extension request-id",
    ],
    page=PAGE,
)
def new() -> None:
    """Create an app, a function or an extension.

    Created projects are complete, and their tests pass. Missing options are prompted for in a terminal; elsewhere the
    defaults apply.
    """


def _folder(name: str, help_text: str) -> Decorator:
    return click.option(name, "folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help=help_text)


def _force(replaced: str) -> Decorator:
    return click.option("--force", is_flag=True, help=f"Replace {replaced} (default: change nothing, and fail).")


def _complete_hooks(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the hooks of the level that was typed before."""
    from hosting.scaffold.extension import hooks_of

    return completed_list(hooks_of(context.params.get("level") or "app"), incomplete)


@new.command(
    "extension",
    cls=Command,
    examples=[
        "hosting new extension request-id",
        "hosting new extension audit --level function --hook pre_invocation --async",
    ],
    page=PAGE,
)
@click.argument("name")
@click.option(
    "--level", type=Choice(LEVELS), help="Run for the whole app, or for functions that opt in (default: app)."
)
@click.option(
    "--hook",
    "hooks",
    multiple=True,
    callback=comma_separated_option,
    shell_complete=_complete_hooks,
    metavar="HOOK,...",
    help="Hooks to implement, such as pre_invocation (default: invocation).",
)
@click.option("--async/--sync", "is_async", default=None, help="Write hooks as async def or as def (default: def).")
@_folder("--dir", "Folder to create (default: hosting-NAME).")
@_force("files that exist")
def new_extension(
    name: str, level: Level | None, hooks: Sequence[str], is_async: bool | None, folder: Path | None, force: bool
) -> None:
    """Create a package with an extension.

    NAME is the extension's name; the package is called hosting-NAME.
    """
    from hosting.cli import prompts
    from hosting.scaffold.extension import DEFAULT_HOOKS, chosen_hooks, extension_files, hooks_of
    from hosting.scaffold.names import extension_names
    from hosting.scaffold.writer import write

    names = extension_names(name)
    interactive = prompts.is_interactive()
    if level is None:
        level = prompts.choose("Level", LEVELS, "app") if interactive else "app"
    if interactive and not hooks:
        hooks = prompts.choose_several(
            f"Hooks, of {', '.join(hooks_of(level))}", partial(chosen_hooks, level=level), DEFAULT_HOOKS
        )
    if is_async is None:
        is_async = interactive and click.confirm("Write the hooks as async def?", default=False)
    files = extension_files(names, level, chosen_hooks(hooks, level), is_async=is_async)
    folder = folder or Path(names.distribution)
    write(folder, files, force=force)
    _print_list(f"Created {names.distribution}:", files)
    install = ["pip install --upgrade pip", "pip install --editable . --group dev"]
    _print_list("Next:", [*_go_to(folder), *install, "pytest"])


@new.command(
    "app",
    cls=Command,
    examples=[
        "hosting new app shop",
        "hosting new app .",
        "hosting new app shop --docker",
        "hosting new app shop --model v1 --dir apps/shop",
    ],
    page=PAGE,
)
@click.argument("name")
@click.option(
    "--model",
    type=Choice(MODELS),
    help="v2 declares functions with decorators, v1 with function.json files (default: v2).",
)
@click.option("--docker", is_flag=True, help="Add files for containers of the app and of Azurite (default: off).")
@_folder("--dir", "Folder to create (default: NAME).")
@_force("files that exist")
def new_app(name: str, model: Model | None, docker: bool, folder: Path | None, force: bool) -> None:
    """Create a function app with one HTTP function.

    NAME is the app's name. With a dot, the app is created in the current folder and has its name.
    """
    from hosting.cli import prompts
    from hosting.scaffold.app import app_files
    from hosting.scaffold.names import check_app_name
    from hosting.scaffold.writer import write

    if name == ".":
        folder, name = folder or Path(), Path.cwd().name
    check_app_name(name)
    if model is None:
        model = prompts.choose("Programming model", MODELS, "v2") if prompts.is_interactive() else "v2"
    files = app_files(name, model)
    steps = ["pip install --requirement requirements-dev.txt", "pytest", "hosting start"]
    folder = folder or Path(name)
    if docker:
        added, before = _container_files(folder, files)
        files, steps = dict(sorted({**files, **added}.items())), [*steps, *before, "docker compose up --build"]
    write(folder, files, force=force)
    _print_list(f"Created {name}:", files)
    _print_list("Next:", [*_go_to(folder), *steps])


@new.command(
    "function",
    cls=Command,
    examples=[
        "hosting new function hello --template http",
        "hosting new function orders --template queue --app-dir shop",
    ],
    page=PAGE,
)
@click.argument("name")
@click.option(
    "--template", "kind", type=Choice(KINDS), help="What triggers the function (default: asked for in a terminal)."
)
@_folder("--app-dir", "The app's folder (default: the current folder).")
@_force("a v1 function or a test that exists")
def new_function(name: str, kind: Kind | None, folder: Path | None, force: bool) -> None:
    """Add a function to an app, with a test.

    NAME is the function's name. The app may be a v1 or a v2 app.
    """
    from hosting.apps.folder import app_folder
    from hosting.cli import prompts
    from hosting.scaffold.function import add_function, find_app
    from hosting.scaffold.writer import write

    app = find_app(app_folder(folder or Path()))
    if kind is None:
        if not prompts.is_interactive():
            raise click.UsageError(f"Missing option '--template'. Choose from: {', '.join(KINDS)}.")
        kind = prompts.choose("Template", KINDS, "http")
    added = add_function(app, name, kind, force=force)
    write(app.root, added.files, changes=added.changes, force=force)
    _print_list(f"Added {name}:", [*(f"{path} (changed)" for path in added.changes), *added.files])
    _print_list("Next:", [*added.steps, "pytest"])


def _container_files(folder: Path, files: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the files for containers, and the commands that come before a build."""
    from hosting.deploy.image.new_app import container_files
    from hosting.deploy.manifests.names import default_name

    return container_files(default_name(folder.resolve().name), f"3.{sys.version_info.minor}", files)


def _print_list(title: str, lines: Iterable[str]) -> None:
    click.echo("\n  ".join([title, *lines]))


def _go_to(folder: Path) -> list[str]:
    from shlex import quote

    return [] if folder.resolve() == Path.cwd() else [f"cd {quote(str(folder))}"]
