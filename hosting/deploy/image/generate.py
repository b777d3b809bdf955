"""The files of an image, from an app's folder: generated, compared with those that are there, and written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hosting._files import write_atomically
from hosting.deploy.image.dockerfile import dockerfile
from hosting.deploy.image.ignore import FUNCIGNORE, dockerignore
from hosting.deploy.image.options import ImageOptions
from hosting.deploy.image.packages import needed_packages, requirement_lines
from hosting.deploy.image.requirements import IMAGE_FILE, LOCK_FILE, Installation, find_installation
from hosting.deploy.manifests.documents import ManifestFile, recorded, render
from hosting.deploy.manifests.folder import Difference, differences
from hosting.errors import HostingError, SettingsError
from hosting.host.function_host import FunctionHost
from hosting.host.missing_options import OUTPUTS, SECTION, read_missing_options
from hosting.host.process import enter

DOCKERFILE, DOCKERIGNORE = "Dockerfile", ".dockerignore"
_OF_PEOPLE = ("edited", "not generated")
_LOCK_SECONDS = 300


class ImagePlan(NamedTuple):
    """What an image consists of.

    Args:
        options: what the command line says.
        packages: the versions of the distributions that run the app, by name.
        installation: how the image gets its packages.
        problems: what a person must know, each a message and a remedy.
    """

    options: ImageOptions
    packages: Mapping[str, str]
    installation: Installation
    problems: Sequence[tuple[str, str]]

    def document(self, root: Path, found: Sequence[Difference]) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "name": self.options.name,
            "folder": str(root),
            "base": self.options.base_image,
            "packages": dict(self.packages),
            "requirements": self.installation.source or None,
            "locked": self.installation.is_locked,
            "differences": [one._asdict() for one in found],
            "problems": [{"message": message, "remedy": remedy} for message, remedy in self.problems],
        }


def plan_image(root: Path, options: ImageOptions) -> ImagePlan:
    """Load the app in this process, without serving it, and return the plan of its image.

    Args:
        root: the app's folder.
        options: what the command line says.

    Raises:
        HostingError: the app does not load, its packages cannot be installed in an image, or its outputs would be lost.
    """
    enter(root)
    host = FunctionHost(root, missing_outputs=options.missing_outputs if options.missing_outputs == "log" else None)
    host.load()
    return make_plan(host, options)


def make_plan(host: FunctionHost, options: ImageOptions) -> ImagePlan:
    """Return the plan for a loaded app. Raises HostingError as ``plan_image``."""
    _check_outputs(host, options)
    packages = needed_packages(host)
    lines = dict(zip(packages, requirement_lines(packages, host.root, options.wheels), strict=True))
    installation = find_installation(host.root, packages, lines)
    return ImagePlan(options, packages, installation, _problems(host, installation))


def image_files(root: Path, plan: ImagePlan) -> dict[str, str]:
    """Return the text of each file, by its name in the app's folder."""
    rules = root / FUNCIGNORE
    return render_files(
        plan.options, plan.installation, rules.read_text("utf-8-sig", "replace") if rules.is_file() else ""
    )


def render_files(options: ImageOptions, found: Installation, rules: str) -> dict[str, str]:
    """Return the text of each file, by its name in the app's folder.

    Args:
        options: what the command line says.
        found: how the image gets its packages.
        rules: the text of the app's ``.funcignore``; empty if there is none.
    """
    own = [IMAGE_FILE] if found.lines else []
    needed = list(filter(None, dict.fromkeys((*found.files, *own, options.wheels))))
    texts = {DOCKERFILE: dockerfile(options, found), DOCKERIGNORE: dockerignore(rules, needed)}
    if found.lines:
        texts[IMAGE_FILE] = "".join(f"{line}\n" for line in found.lines)
    command = options.command_line()
    return {name: render(ManifestFile(name, text=text), command) for name, text in texts.items()}


def recorded_option(root: Path, option: str) -> str:
    """Return the value that an option had when the app's Dockerfile was made; empty if there is no generated one."""
    try:
        text = (root / DOCKERFILE).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
    return recorded(text, option)


def image_differences(root: Path, files: Mapping[str, str]) -> list[Difference]:
    """Return which of the files are not in the app's folder as they would be written."""
    return [one for one in differences(root, files) if one.path in files]


def write_image(root: Path, files: Mapping[str, str], *, force: bool) -> list[Difference]:
    """Write the files, and return what was different before.

    Raises:
        HostingError: a person has written or changed one, and ``force`` is false: nothing is written then; or a file
            cannot be written.
    """
    found = image_differences(root, files)
    changed = "".join(f"\n  {root / one.path}: {one.state}" for one in found if one.state in _OF_PEOPLE)
    if changed and not force:
        raise HostingError(
            f"Nothing is written, because these files are not as this command would leave them:{changed}",
            remedy="Rename them, or overwrite them with --force.",
        )
    try:
        for one in found:
            write_atomically(root / one.path, files[one.path], durable=False)
    except OSError as error:
        raise HostingError(f"{root / one.path} cannot be written: {error.strerror}.") from error
    return found


def write_lock(root: Path, options: ImageOptions) -> None:
    """Let uv lock all packages of the image, with their hashes, for every platform.

    Args:
        root: the app's folder, with ``requirements-image.txt``.
        options: what the command line says.

    Raises:
        HostingError: uv is not installed, or cannot find versions that fit.
    """
    words = ["pip", "compile", "--universal", "--generate-hashes", "--quiet", "--python-version", options.python]
    words += ["--find-links", options.wheels] if options.wheels else []
    words += ["--custom-compile-command", f"{options.command_line()} --lock", "--output-file", LOCK_FILE, IMAGE_FILE]
    uv = _uv()
    try:
        subprocess.run([*uv, *words], cwd=root, check=True, capture_output=True, text=True, timeout=_LOCK_SECONDS)
    except subprocess.CalledProcessError as error:
        raise HostingError(f"uv cannot lock {IMAGE_FILE}:\n{error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise HostingError(f"uv has not locked {IMAGE_FILE} within {_LOCK_SECONDS} seconds.") from error


def _uv() -> list[str]:
    import shutil
    from importlib.util import find_spec

    if find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    found = shutil.which("uv")
    if found is None:
        raise HostingError("--lock needs uv, which is not installed.", remedy="Run: pip install uv")
    return [found]


def _check_outputs(host: FunctionHost, options: ImageOptions) -> None:
    """Check that the image would not log outputs in place of sending them, unless that was asked for."""
    if options.missing_outputs == "refuse" and read_missing_options(host.host_json).outputs == "log":
        raise SettingsError(
            f'host.json: {SECTION}.{OUTPUTS} is "log": hosts of the image would lose what functions send to services',
            remedy="Delete it for production, or keep it with --missing-outputs log.",
            file=str(host.root / "host.json"),
        )


def _problems(host: FunctionHost, found: Installation) -> list[tuple[str, str]]:
    problems = [(f"Function '{one.name}' does not run here: {one.error}", "") for one in host.functions if one.error]
    if not found.source:
        problems.append(
            ("The app has no list of its packages, so the image has only the host", "Write requirements.txt.")
        )
    if not found.is_locked:
        what = "The packages are not locked: the next build may install others"
        remedy = "Run: uv add 'hosting[host]'" if found.uses_uv else "Add --lock, which needs uv."
        problems.append((what, remedy))
    return problems
