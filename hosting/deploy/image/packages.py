"""The packages that an image needs besides those that the app names: the host, and the providers of its bindings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hosting._distributions import distribution_name, distribution_version, installed_version
from hosting._install import requirement
from hosting._text import canonical_name
from hosting.bindings.registry import BUILT_IN
from hosting.bindings.registry import GROUP as BINDINGS
from hosting.bindings.storage import GROUP as STORAGE
from hosting.errors import HostingError
from hosting.extensions import EntryPoint, installed_entry_points, may_load
from hosting.host.function_host import FunctionHost

HOST = "hosting"
EXTRA = "host"


def needed_packages(host: FunctionHost) -> dict[str, str]:
    """Return the versions of the distributions that run an app, by their names: the host, then providers by name.

    Extensions are not among them: an app names them in its requirements, for Azure as well.

    Args:
        host: the app, loaded.
    """
    types = {binding.type.lower() for function in host.functions for binding in function.bindings}
    found = dict(sorted(_providers(host.environ, types)))
    return {HOST: installed_version(HOST) or "", **found}


def requirement_lines(packages: Mapping[str, str], root: Path, wheels: str) -> list[str]:
    """Return a line of a requirements file for each distribution, as pip reads it in the app's folder.

    Args:
        packages: the versions, by name.
        root: the app's folder.
        wheels: the folder in it with wheels; empty for none.

    Raises:
        HostingError: a distribution was installed from a folder of this machine, and there is no wheel of it.
    """
    lines, local = [], []
    for name, version in packages.items():
        extra = EXTRA if name == HOST else ""
        text = requirement(name, extra)
        wheel = _wheel(root, wheels, name, version)
        if wheel:
            lines.append(f"./{wheel}{extra and f'[{extra}]'}")
        elif " @ file:" in text:
            local.append((name, text.partition(" @ file://")[2]))
        else:
            lines.append(text if " @ " in text else f"{text}=={version}")
    if local:
        raise _unreachable(local, wheels or "wheels")
    return lines


def _providers(environ: Mapping[str, str], types: set[str]) -> Iterator[tuple[str, str]]:
    for entry in installed_entry_points():
        if _is_used(entry, types) and may_load(entry, environ):
            name, version = distribution_name(entry.dist), distribution_version(entry.dist)
            if name and version and canonical_name(name) != HOST:
                yield canonical_name(name), version


def _is_used(entry: EntryPoint, types: set[str]) -> bool:
    """Return whether an app uses a provider; a host keeps what it must remember of a timer or a blob in storage."""
    if entry.group == STORAGE:
        return bool(types - {"http", "httptrigger"})
    return entry.group == BINDINGS and entry.name.lower() in types - BUILT_IN.keys()


def _wheel(root: Path, wheels: str, name: str, version: str) -> str:
    """Return the path of a distribution's wheel below the app's folder; empty if there is none."""
    found = sorted((root / wheels).glob("*.whl")) if wheels else []
    return next((f"{wheels}/{file.name}" for file in found if _is_wheel_of(file.name, name, version)), "")


def _is_wheel_of(file: str, name: str, version: str) -> bool:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        found, its_version, *_ = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return False
    return (found, str(its_version)) == (canonical_name(name), version)


def _unreachable(local: Iterable[tuple[str, str]], wheels: str) -> HostingError:
    import shlex
    from urllib.parse import unquote

    names = ", ".join(name for name, _ in local)
    folders = shlex.join(unquote(folder) for _, folder in local)
    return HostingError(
        f"An image cannot install what was installed from folders of this machine: {names}.",
        remedy=f"Build wheels in the app's folder, and add --wheels {wheels}: "
        f"pip wheel --no-deps --wheel-dir {wheels} {folders}",
    )
