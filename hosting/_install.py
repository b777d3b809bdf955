"""Install commands for the distributions of this project, for messages and generated files.

A command installs from where hosting itself came, as recorded in ``direct_url.json`` (PEP 610). A bare name would ask a
package index, which may have another project's package under that name.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any, NamedTuple


class _Origin(NamedTuple):
    """Where a distribution was installed from."""

    url: str = ""
    """``file:///folder``, ``git+https://host/project@commit`` or an archive's URL; empty for a package index."""
    subdirectory: str = ""
    """The distribution's folder inside the repository at ``url``."""
    is_editable: bool = False
    has_source: bool = False
    """Whether ``url`` is a folder or a repository, which may have further distributions in it."""

    def plugin(self, name: str) -> _Origin:
        """Return the origin of a plugin from the same checkout; a package index where there is no checkout."""
        folder = f"plugins/{name}"
        if not self.has_source:
            return _Origin()
        if self.url.startswith("file:"):
            return _Origin(f"{self.url.rstrip('/')}/{folder}", has_source=True)
        return _Origin(self.url, f"{self.subdirectory}/{folder}".lstrip("/"), has_source=True)


def install_command(distribution: str, extra: str = "") -> str:
    """Return the shell command that installs a distribution of this project.

    Examples: ``pip install hosting-storage``, ``pip install --editable '/home/ada/hosting[host]'``,
    ``pip install 'hosting-storage @ git+https://host/project@commit#subdirectory=plugins/hosting-storage'``.

    Args:
        distribution: ``hosting``, or the name of a folder below ``plugins``.
        extra: the name of an extra to install with it.
    """
    return _pip_install(_origin(distribution), distribution, extra)


def reinstall_command(distribution: str, version: str) -> str:
    """Return the shell command that installs an installed distribution once more, from where it came.

    Args:
        distribution: the name of any installed distribution.
        version: its version, which counts where it came from a package index.
    """
    origin = _own_origin(distribution) or _Origin()
    name = distribution if origin.url else f"{distribution}=={version}"
    return _pip_install(origin, name, "", "--force-reinstall")


def requirement(distribution: str, extra: str = "") -> str:
    """Return the line of a requirements file for a distribution of this project.

    Args:
        distribution: ``hosting``, or the name of a folder below ``plugins``.
        extra: the name of an extra to install with it.
    """
    return _requirement(_origin(distribution), distribution, extra)


def _pip_install(origin: _Origin, name: str, extra: str, *options: str) -> str:
    if origin.url.startswith("file:"):
        target = _path(origin.url) + (f"[{extra}]" if extra else "")
    else:
        target = _requirement(origin, name, extra)
    return _shell(["pip", "install", *options, *(["--editable"] if origin.is_editable else []), target])


def _requirement(origin: _Origin, name: str, extra: str) -> str:
    wanted = f"{name}[{extra}]" if extra else name
    fragment = f"#subdirectory={origin.subdirectory}" if origin.subdirectory else ""
    return f"{wanted} @ {origin.url}{fragment}" if origin.url else wanted


def _origin(distribution: str) -> _Origin:
    own = _own_origin(distribution)
    if own is not None:
        return own
    host = _own_origin("hosting") or _unpacked()
    return host if distribution == "hosting" else host.plugin(distribution)


def _own_origin(distribution: str) -> _Origin | None:
    """Return where an installed distribution came from; None if it is not installed."""
    import json

    from hosting._distributions import find_distribution, metadata_text

    found = find_distribution(distribution)
    if found is None:
        return None
    try:
        return _read(json.loads(metadata_text(found, "direct_url.json") or "{}"))
    except (ValueError, RecursionError):
        return _Origin()


def _read(direct_url: Any) -> _Origin:
    match direct_url:
        case {"url": str(url), "dir_info": dict(folder)}:
            return _Origin(url, is_editable=folder.get("editable") is True, has_source=True)
        case {"url": str(url), "vcs_info": {"vcs": str(system), "commit_id": str(commit)}}:
            subdirectory = str(direct_url.get("subdirectory") or "")
            return _Origin(f"{system}+{url}@{commit}", subdirectory, has_source=True)
        case {"url": str(url)}:
            return _Origin(url, str(direct_url.get("subdirectory") or ""))
    return _Origin()


def _unpacked() -> _Origin:
    """Return the checkout that this file lies in; hosting may be on the path without being installed."""
    folder = Path(__file__).parent.parent
    return _Origin(folder.as_uri(), has_source=True) if (folder / "pyproject.toml").is_file() else _Origin()


def _path(url: str) -> str:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    return url2pathname(urlsplit(url).path)


def _shell(words: list[str]) -> str:
    if os.name != "nt":
        return shlex.join(words)
    from subprocess import list2cmdline

    return list2cmdline(words)
