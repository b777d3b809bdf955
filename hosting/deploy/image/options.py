"""The options of ``hosting image``."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from hosting.deploy.manifests.names import check_name
from hosting.errors import UsageError
from hosting.host.missing_options import MissingOutputs

PORT = 8080
"""The port of the host in a container: above 1024, because the user is not root."""
USER = 10001
"""The number of the user: Kubernetes can check only of a number that it is not root."""

_PYTHON = re.compile(r"3\.\d{1,2}")
_BASE = re.compile(r"[a-z0-9][\w.:/@-]*", re.ASCII)
_FOLDER = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)


class ImageOptions(NamedTuple):
    """What the command line says.

    Args:
        name: the name of the app, a DNS label.
        python: the version of Python, such as ``3.13``.
        base: the base image; empty for Python's slim image of that version.
        wheels: the folder in the app with wheels for packages that no index has; empty for none.
        sbom: whether the image has a list of its packages.
        missing_outputs: what happens to outputs that no package provides; ``log`` only if it was asked for.
    """

    name: str
    python: str
    base: str = ""
    wheels: str = ""
    sbom: bool = True
    missing_outputs: MissingOutputs = "refuse"

    @property
    def base_image(self) -> str:
        """The reference of the base image."""
        return self.base or f"docker.io/library/python:{self.python}-slim"

    def command_line(self) -> str:
        """Return the command that makes the same files from the same app, without the paths of this machine."""
        words = ["hosting", "image", "--name", self.name, "--python", self.python]
        words += ["--base", self.base] if self.base else []
        words += ["--wheels", self.wheels] if self.wheels else []
        words += [] if self.sbom else ["--no-sbom"]
        words += ["--missing-outputs", "log"] if self.missing_outputs == "log" else []
        return shlex.join(words)


def check_options(options: ImageOptions) -> None:
    """Check the options, before the app is loaded.

    Raises:
        UsageError: one cannot be used.
    """
    check_name(options.name, "--name")
    if not _PYTHON.fullmatch(options.python):
        raise UsageError(
            f"--python {options.python!r} is not a version such as 3.13.", remedy="Leave out patch levels."
        )
    if options.base and not _BASE.fullmatch(options.base):
        raise UsageError(
            f"--base {options.base!r} is not the reference of an image.",
            remedy="For example: --base python:3.13-slim@sha256:...",
        )
    if options.wheels and (not _FOLDER.fullmatch(options.wheels) or ".." in options.wheels.split("/")):
        raise UsageError(
            f"--wheels {options.wheels!r} is not the path of a folder inside the app.",
            remedy="For example: --wheels wheels",
        )
