"""``hosting openapi``: write the document of an app, for builds."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hosting.bindings import Services
from hosting.errors import HostingError

if TYPE_CHECKING:
    from hosting_openapi.extension import OpenApi

_MAX_DIFFERENCES = 20


def _app_folder(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    """Return the folder of the app at a path, as ``hosting start`` finds it."""
    return Services.of_app(path).root


@click.command()
@click.argument(
    "app_dir", metavar="[APP]", default=".", type=click.Path(exists=True, path_type=Path), callback=_app_folder
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the document to FILE (default: standard output).",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with code 1 if FILE differs (default: off).")
def openapi(app_dir: Path, output: Path | None, check: bool) -> None:
    """Write the OpenAPI document of the app in APP (default: the current folder, or the nearest one above with an app).

    The app is loaded without serving it, with this extension, those of the app itself and those that the setting
    routes_of names. The same app gives the same bytes.
    """
    if check and output is None:
        raise click.UsageError("--check compares with a file: name it with -o FILE.")
    content = document_of(app_dir)
    if output is None:
        click.echo(content.decode(), nl=False)
    elif check:
        _check(output, content, f"Run: hosting openapi {app_dir} -o {output}")
    else:
        _write(output, content)


def document_of(app_dir: Path) -> bytes:
    """Return the document of an app.

    Args:
        app_dir: the app's folder.

    Raises:
        HostingError: the app does not load, or one of its functions cannot be validated.
    """
    from hosting_openapi.extension import OpenApi  # slow: only this command needs it

    extension = OpenApi()
    content = _document(app_dir, extension)
    if not extension.routes_of:
        return content
    return _document(app_dir, OpenApi(), *extension.routes_of)


def _document(app_dir: Path, extension: OpenApi, *others: str) -> bytes:
    """Return the document of an app that is loaded with this extension and those of these names."""
    from hosting.testing import make_host
    from hosting_openapi.extension import REMEDY

    alone: dict[str, Any] = {"extensionHost": {"required": [], "guards": []}}
    extensions = {"openapi": extension, **{name: name for name in others}}
    with contextlib.redirect_stdout(sys.stderr), make_host(app_dir, extensions=extensions, host_json=alone) as host:
        broken = [one["message"] for one in host.diagnosis()["problems"] if one["remedy"] == REMEDY]
        if broken:
            raise HostingError("\n".join(broken), remedy=REMEDY)
        return extension.document()


def _write(output: Path, content: bytes) -> None:
    try:
        output.write_bytes(content)
    except OSError as error:
        raise HostingError(f"{output} cannot be written: {error.strerror}", remedy="Name another file.") from None


def _check(output: Path, content: bytes, remedy: str) -> None:
    """Compare a file with the document.

    Raises:
        HostingError: they differ, or the file cannot be read.
    """
    try:
        found = output.read_bytes()
    except OSError as error:
        raise HostingError(f"{output} cannot be read: {error.strerror}", remedy=remedy) from None
    if found.replace(b"\r\n", b"\n") == content:  # git may write the ends of lines as Windows has them
        return
    try:
        lines = list(islice(_differences(json.loads(found), json.loads(content), "#"), _MAX_DIFFERENCES + 1))
    except ValueError:
        lines = ["it is not JSON"]
    shown = lines[:_MAX_DIFFERENCES] or ["only the layout differs"]
    shown += ["..."] if len(lines) > _MAX_DIFFERENCES else []
    text = "\n".join(f"  {line}" for line in shown)
    raise HostingError(f"{output} is not up to date:\n{text}", remedy=remedy)


def _differences(old: Any, new: Any, where: str) -> Iterator[str]:
    """Yield what differs between two documents, with JSON pointers."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            place = f"{where}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in new:
                yield f"{place}: no longer there"
            elif key not in old:
                yield f"{place}: new"
            else:
                yield from _differences(old[key], new[key], place)
    elif old != new:
        yield f"{where}: {_short(old)} is now {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
