"""``hosting image``: write the Dockerfile of an app, and what belongs to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import click

from hosting.cli.help import Command
from hosting.cli.output import reserved_stdout, silenced_app
from hosting.cli.params import APP_DIR, Choice

if TYPE_CHECKING:
    from hosting.deploy.image.generate import ImagePlan
    from hosting.deploy.image.options import ImageOptions
    from hosting.deploy.manifests.folder import Difference


class _Mode(NamedTuple):
    check: bool
    force: bool
    lock: bool
    as_json: bool


@click.command(
    cls=Command,
    examples=[
        "hosting image shop --lock",
        "hosting image shop --base python:3.13-slim@sha256:...",
        "hosting image shop --check",
        "docker build --tag shop shop",
    ],
    page="how-to/build-an-image",
)
@APP_DIR
@click.option("--name", metavar="NAME", help="Name of the app (default: that in the Dockerfile, or of its folder).")
@click.option(
    "--python",
    metavar="3.X",
    help="Version of Python (default: .python-version, that in the Dockerfile, or the one that runs this).",
)
@click.option("--base", default="", metavar="IMAGE", help="Base image (default: the slim image of Python).")
@click.option(
    "--wheels",
    default="",
    metavar="FOLDER",
    help="Folder in the app with wheels of packages that no index has (default: none).",
)
@click.option("--lock", is_flag=True, help="Lock all packages with their hashes, by uv (default: off).")
@click.option("--sbom/--no-sbom", default=True, help="Put a list of all packages into the image (default: on).")
@click.option(
    "--missing-outputs",
    type=Choice(("refuse", "log")),
    default="refuse",
    help="Let the image log outputs that no package sends (default: refuse).",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with code 1 if a file is not up to date (default: off)."
)
@click.option("--force", is_flag=True, help="Overwrite files that were edited (default: off).")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (default: lines).")
def image(
    app_dir: Path,
    name: str | None,
    python: str | None,
    base: str,
    wheels: str,
    lock: bool,
    sbom: bool,
    missing_outputs: str,
    check: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write the files from which a container image of an app is built.

    Loads the app in APP_DIR (default: the current folder) without serving it, and writes Dockerfile, .dockerignore and
    requirements-image.txt into its folder. Nothing is built. The same app and options make the same bytes. Files that
    were edited are not overwritten.
    """
    from hosting.deploy.image.generate import recorded_option
    from hosting.deploy.image.options import ImageOptions
    from hosting.deploy.manifests.names import default_name
    from hosting.errors import HostingError, print_error

    if lock and check:
        raise click.UsageError("--lock and --check exclude each other.")
    with reserved_stdout() as stream:
        try:
            options = ImageOptions(
                name or recorded_option(app_dir, "--name") or default_name(app_dir.name),
                python or _python(app_dir),
                base,
                wheels.strip("/"),
                sbom,
                "log" if missing_outputs == "log" else "refuse",
            )
            code = _run(app_dir, options, _Mode(check, force, lock, as_json), stream)
        except HostingError as error:
            print_error(error)
            sys.exit(error.exit_code)
    sys.exit(code)


def _python(root: Path) -> str:
    """Return the version of Python that the app asks for, that its Dockerfile has, or the one that runs this."""
    from hosting.deploy.image.generate import recorded_option

    file = root / ".python-version"
    text = file.read_text("utf-8", "replace").strip() if file.is_file() else ""
    parts = text.split(".")
    if text:
        return ".".join(parts[:2])
    # Another machine, such as one for CI, may run this with another version.
    return recorded_option(root, "--python") or f"{sys.version_info.major}.{sys.version_info.minor}"


def _run(root: Path, options: ImageOptions, mode: _Mode, stream: TextIO) -> int:
    """Write or compare the files; return the exit code."""
    from hosting.deploy.image.generate import image_differences, image_files, plan_image, write_image, write_lock
    from hosting.deploy.image.options import check_options

    check_options(options)
    with silenced_app():
        plan = plan_image(root, options)
    if mode.lock and not plan.installation.uses_uv:
        write_image(root, image_files(root, plan), force=mode.force)
        write_lock(root, options)
        with silenced_app():
            plan = plan_image(root, options)
    files = image_files(root, plan)
    found = image_differences(root, files) if mode.check else write_image(root, files, force=mode.force)
    if mode.as_json:
        document = plan.document(root, found) | {"files": list(files)}
        stream.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        _print_report(root, plan, list(files), found, mode, stream)
    return int(mode.check and bool(found))


def _print_report(
    root: Path, plan: ImagePlan, files: Sequence[str], found: Sequence[Difference], mode: _Mode, stream: TextIO
) -> None:
    if mode.check:
        for one in found:
            click.echo(f"Error: {root / one.path}: {one.state}.", err=True)
        command = "  Run the command without --check, and commit what it writes."
        click.echo(command if found else "The files of the image are up to date.", err=True)
    else:
        stream.write(f"{'Wrote' if found else 'Nothing to change in'} {', '.join(files)}\n")
    for message, remedy in plan.problems:
        click.echo("\n  ".join(filter(None, [f"Warning: {message}.", remedy])), err=True)
    if not mode.check:
        stream.write(f"Next:\n  docker build --tag {plan.options.name} {_quoted(root)}\n")


def _quoted(path: Path) -> str:
    from shlex import quote

    return quote(str(path))
