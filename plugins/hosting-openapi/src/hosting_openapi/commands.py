"""``hosting openapi``: write the document of an app, for builds."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from hosting.errors import HostingError

_MAX_DIFFERENCES = 20


@click.command()
@click.argument("app_dir", metavar="[APP]", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the document to FILE (default: standard output).",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with code 1 if FILE differs (default: off).")
def openapi(app_dir: Path, output: Path | None, check: bool) -> None:
    """Write the OpenAPI document of the app in APP (default: the current folder).

    The app is loaded without serving it, with this extension and those of the app itself. The same app gives the same
    bytes.
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
    from hosting.testing import make_host  # slow: only this command needs it
    from hosting_openapi.extension import REMEDY, OpenApi

    extension = OpenApi()
    alone: dict[str, Any] = {"extensionHost": {"required": [], "guards": []}}
    extensions = {"openapi": extension}
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
    if found == content:
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
