"""The output folder: what differs from the files to write, and writing them without losing changes of a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from hosting._files import write_atomically
from hosting.deploy.manifests.documents import functions_of, is_generated, made_by, recorded
from hosting.errors import HostingError

State = Literal["missing", "out of date", "edited", "not generated", "no longer needed"]
_OF_PEOPLE = ("edited", "not generated")
_SUFFIXES = (".yaml", ".env")


class Difference(NamedTuple):
    """A file that is not as it would be written."""

    path: str
    state: State


def differences(folder: Path, files: Mapping[str, str]) -> list[Difference]:
    """Return what a run would change in the folder.

    Args:
        folder: the output folder; it may not exist.
        files: the texts to write, by name.

    Returns:
        The differences by name: ``edited`` for one that was generated and then changed, ``not generated``
        for a file that has another origin, ``no longer needed`` for one that was generated and is not among ``files``.

    Raises:
        HostingError: a file cannot be read, or the folder has the files of another app.
    """
    found: list[Difference] = []
    for path, text in files.items():
        there = _read(folder / path)
        if there != text:
            found.append(Difference(path, _state(there)))
    present = sorted(one.name for one in folder.iterdir() if one.suffix in _SUFFIXES) if folder.is_dir() else []
    for name in present:
        text = _read(folder / name) or ""
        if name not in files and made_by(text) is not None:
            found.append(Difference(name, "no longer needed" if is_generated(text) else "edited"))
    return sorted(found)


def check_owner(folder: Path, name: str) -> None:
    """Check that the folder does not have the files of another app.

    Args:
        folder: the output folder.
        name: the name of the app.

    Raises:
        HostingError: a generated file there names another app.
    """
    for file, other in _owners(folder):
        if other != name:
            raise HostingError(
                f"{folder} has the files of the app {other!r}, not of {name!r}.",
                remedy="Choose another folder with -o, or delete those files.",
                file=str(file),
            )


def owner(folder: Path) -> str:
    """Return the name of the app that the files in a folder were made for; empty if there are none."""
    return next((name for _, name in _owners(folder)), "")


def _owners(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.suffix in _SUFFIXES and (name := recorded(_read(file) or "", "--name")):
            yield file, name


def check_functions(folder: Path, files: Mapping[str, str]) -> None:
    """Check that the folder does not have the files of an app with the same name and other functions.

    Args:
        folder: the output folder.
        files: the texts to write, by name.

    Raises:
        HostingError: no function of the generated files there is in the texts to write.
    """
    mine = frozenset[str]().union(*map(functions_of, files.values()))
    texts = [_read(file) or "" for file in folder.iterdir() if file.suffix in _SUFFIXES] if folder.is_dir() else []
    there = frozenset[str]().union(*(functions_of(text) for text in texts if made_by(text) is not None))
    if mine and there and not mine & there:
        raise HostingError(
            f"{folder} has the files of another app of the same name: its functions are {_some(there)}, "
            f"those of this app {_some(mine)}.",
            remedy="Choose another folder with -o, or add --force if all functions of the app have new names.",
        )


def write(folder: Path, files: Mapping[str, str], *, force: bool) -> list[Difference]:
    """Write the files, and delete generated ones that are no longer needed.

    Args:
        folder: the output folder; it is created.
        files: the texts, by name.
        force: whether files that people have changed are overwritten or deleted.

    Returns:
        What was different before.

    Raises:
        HostingError: a person has changed a file, or a file cannot be written; nothing is written in the first case.
    """
    found = differences(folder, files)
    changed = [one for one in found if one.state in _OF_PEOPLE]
    if changed and not force:
        listed = "".join(f"\n  {folder / one.path}: {one.state}" for one in changed)
        raise HostingError(
            f"Nothing is written, because these files are not as this command would leave them:{listed}",
            remedy="Move your changes into an overlay or into files of your own, or overwrite them with --force.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in found:
            if one.path in files:
                write_atomically(folder / one.path, files[one.path], durable=False)
            else:
                (folder / one.path).unlink()
    except OSError as error:
        raise HostingError(
            f"{error.filename or folder} cannot be written: {error.strerror}.",
            remedy="Choose another folder with -o, or make this one writable.",
        ) from error
    return found


def _some(names: Iterable[str], count: int = 3) -> str:
    found = sorted(names)
    return ", ".join(found[:count]) + (f" and {len(found) - count} more" if len(found) > count else "")


def _state(text: str | None) -> State:
    if text is None:
        return "missing"
    if made_by(text) is None:
        return "not generated"
    return "out of date" if is_generated(text) else "edited"


def _read(file: Path) -> str | None:
    """Return the text of a file, None if there is none; line ends of Windows count as others."""
    try:
        return file.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostingError(
            f"{file} cannot be read: {error.strerror}.",
            remedy="Choose another folder with -o, or make this one readable.",
        ) from error
