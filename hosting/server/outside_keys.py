"""Keys from outside of a host, the same for all hosts of an app: from a variable, a mounted file or a mounted folder.

A host only reads them, and needs no folder for its state.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import NoReturn

from hosting._text import did_you_mean
from hosting.errors import SettingsError
from hosting.server.keys import DEFAULT, MASTER, MIN_SECRET_BYTES, Keys, function_key, system_key

SECRET, SECRET_FILE, FOLDER = "HOSTING_KEYS_SECRET", "HOSTING_KEYS_SECRET_FILE", "HOSTING_KEYS_FOLDER"
AZURE_TYPE = "AzureWebJobsSecretStorageType"
AZURE_FOLDER = "/run/secrets/functions-keys"
"""Where Azure's host looks for mounted keys if ``AzureWebJobsSecretStorageType`` is ``kubernetes``."""
MASTER_FILE, DEFAULT_FILE = "host.master", "host.function.default"

_MIN_DIGITS = 2 * MIN_SECRET_BYTES
_MIN_KEY_LENGTH = 16
_MAX_FILE_BYTES = 65536
_EXPECTED_SECRET = f"expected at least {_MIN_DIGITS} hexadecimal digits, as 'openssl rand -hex 32' prints"
_DIGITS = re.compile(r"[0-9a-fA-F]+")
_CORRECT = "Correct the Secret that is mounted there."
_KEY = re.compile(r"[!-~]+")
_KUBERNETES_LINK = "..data"
"""What leads to the folder of a mounted Secret's files; Kubernetes replaces it whenever one of them changes."""
_LAYOUT = (
    # What the name of a file begins with, and the name of the key in it, from the rest of the file's name.
    ("host.function.", lambda _rest: DEFAULT),
    ("host.systemkey.", system_key),
    ("functions.", lambda rest: function_key(rest.partition(".")[0])),
)


class SeveralSecrets:
    """The keys of a secret, and those of previous ones, which are accepted as well.

    Args:
        secrets: the secrets, the current one first.
    """

    problems: Sequence[str] = ()

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = [Keys(secret) for secret in secrets]

    def named(self, name: str) -> str | None:
        """Return the current key of a name."""
        return self._keys[0].named(name)

    def accepted(self, *names: str) -> Sequence[str]:
        """Return the keys of these names that are accepted."""
        return [key for keys in self._keys for key in keys.accepted(*names)]


class NamedKeys:
    """Keys that were read one by one; there may be several of a name, or none.

    Args:
        keys: the keys by the names that ``function_key`` and its siblings return.
        problems: what is odd about the files that they were read from.
    """

    def __init__(self, keys: Mapping[str, Sequence[str]], problems: Sequence[str]) -> None:
        self._keys = keys
        self.problems = problems

    def named(self, name: str) -> str | None:
        """Return the first key of a name; None if it has none."""
        return next(iter(self._keys.get(name, ())), None)

    def accepted(self, *names: str) -> Sequence[str]:
        """Return the keys of these names."""
        return [key for name in names for key in self._keys.get(name, ())]


class SecretVariable:
    """The secret, or several, in ``HOSTING_KEYS_SECRET``.

    Args:
        text: the value of the variable.
    """

    title = SECRET
    path = None
    remedy = f"Set a new secret, with the previous one after a space while its keys are still accepted, in {SECRET}."

    def __init__(self, text: str) -> None:
        self._text = text

    def load(self) -> SeveralSecrets:
        """Return the keys. Raises SettingsError if the value is not a secret."""
        return _several_secrets(self._text, SECRET)

    def version(self) -> object:
        """Return None: the variables of a process do not change."""
        return None


class SecretFile:
    """The secret, or several, in the file that ``HOSTING_KEYS_SECRET_FILE`` names.

    Args:
        path: the file.
    """

    remedy = "Change that file: a new secret, and on a second line the previous one while its keys are still accepted."

    def __init__(self, path: Path) -> None:
        self.path = path
        self.title = f"{SECRET_FILE} ({path})"

    def load(self) -> SeveralSecrets:
        """Return the keys. Raises SettingsError if the file cannot be read, or has no secret."""
        try:
            text = _text(self.path)
        except OSError as error:
            raise SettingsError(
                f"{self.title}: the file cannot be read: {error.strerror or error}",
                remedy="Mount the file, or correct its path: a relative one begins in the app's folder.",
            ) from error
        return _several_secrets(text, self.title)

    def version(self) -> object:
        """Return what changes with the file; None if there is none."""
        return file_version(self.path)


class KeysFolder:
    """A folder with a file for each key, named as Azure's host and Core Tools name them in a Kubernetes Secret.

    Args:
        path: the folder.
        variable: the variable that says so.
    """

    remedy = "Change the Secret that is mounted there; 'hosting keys --format secret' prints one."

    def __init__(self, path: Path, variable: str = FOLDER) -> None:
        self.path = path
        self.title = f"{variable} ({path})"

    def load(self) -> NamedKeys:
        """Return the keys. Raises SettingsError if the folder or a file cannot be read, or has no usable key."""
        keys: dict[str, list[str]] = {}
        problems = []
        for file in self._files():
            name = key_of_file(file.name)
            if name is None:
                problems.append(self._ignored(file.name))
            else:
                keys.setdefault(name, []).append(self._key(file))
        if MASTER not in keys:
            raise SettingsError(f"{self.title}: the folder has no file {MASTER_FILE}", remedy=_expected_files())
        return NamedKeys(keys, problems)

    def version(self) -> object:
        """Return what changes with the files; None if there are none."""
        with contextlib.suppress(OSError):
            return os.readlink(self.path / _KUBERNETES_LINK)
        try:
            return tuple((file.name, file_version(file)) for file in self._files())
        except SettingsError:
            return None

    def _files(self) -> list[Path]:
        """Return the files: the default key of a name first. Kubernetes adds hidden folders, which are left out.

        A folder with the name of a key's file is kept, for a message: a mount of a missing file makes one.
        """
        try:
            shown = [one for one in self.path.iterdir() if not one.name.startswith(".")]
            found = [one for one in shown if key_of_file(one.name) is not None or not one.is_dir()]
        except OSError as error:
            raise SettingsError(
                f"{self.title}: the folder cannot be read: {error.strerror or error}",
                remedy="Mount the Secret with the keys there; the host does not ask the Kubernetes API for it.",
            ) from error
        return sorted(found, key=lambda file: (not file.name.endswith(".default"), file.name))

    def _key(self, file: Path) -> str:
        try:
            key = _text(file).strip()
        except OSError as error:
            raise SettingsError(
                f"{self.title}: {file.name} cannot be read: {error.strerror or error}", remedy=_CORRECT
            ) from error
        if not _KEY.fullmatch(key) or len(key) < _MIN_KEY_LENGTH:
            found = "other characters" if key and not _KEY.fullmatch(key) else f"{len(key)}"
            raise SettingsError(
                f"{self.title}: {file.name} has no usable key: expected at least {_MIN_KEY_LENGTH} ASCII characters "
                f"without spaces, found {found}",
                remedy=_CORRECT,
            )
        return key

    def _ignored(self, name: str) -> str:
        hint = did_you_mean(name, [MASTER_FILE, DEFAULT_FILE, "functions.NAME.default", "host.systemKey.NAME"])
        return f"{self.title}: {name} is ignored. {hint or _expected_files()}"


def outside_store(environ: Mapping[str, str]) -> SecretVariable | SecretFile | KeysFolder | None:
    """Return where the keys come from; None if no variable says so: the host keeps them itself.

    Args:
        environ: the app settings.

    Raises:
        SettingsError: a variable is empty or has the wrong kind of value, or there are several.
    """
    given = [name for name in (SECRET, SECRET_FILE, FOLDER) if name in environ]
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(given)} are both set", remedy="Keep one of them: keys have one source.")
    if not given:
        is_mounted = environ.get(AZURE_TYPE, "").strip().lower() == "kubernetes"
        return KeysFolder(Path(AZURE_FOLDER), f"{AZURE_TYPE}=kubernetes") if is_mounted else None
    [name] = given
    if name == SECRET:
        return SecretVariable(environ[SECRET])
    path = _path(environ[name].strip(), name)
    return SecretFile(path) if name == SECRET_FILE else KeysFolder(path)


def key_of_file(file: str) -> str | None:
    """Return the name of the key in a file, as ``function_key`` and its siblings return it; None if it has none."""
    folded = file.lower()
    if folded == MASTER_FILE:
        return MASTER
    return next((key(folded[len(start) :]) for start, key in _LAYOUT if _has_rest(folded, start)), None)


def file_version(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with the content of a file; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _has_rest(folded: str, start: str) -> bool:
    """Return whether a file's name has the parts that follow its beginning."""
    parts = folded.removeprefix(start).split(".")
    return folded.startswith(start) and all(parts) and (start != "functions." or len(parts) > 1)


def _expected_files() -> str:
    return f"Expected files are {MASTER_FILE}, {DEFAULT_FILE}, functions.NAME.default and host.systemKey.NAME."


def _path(text: str, variable: str) -> Path:
    """Return an absolute path. The message for one that is wrong does not show what may be a secret."""
    if not text:
        raise SettingsError(
            f"{variable} is empty", remedy=f"Set the path of the mounted {_kind(variable)}, or unset it."
        )
    if _DIGITS.fullmatch(text) and len(text) >= _MIN_DIGITS:
        raise SettingsError(
            f"{variable} cannot be used: expected a path, found what looks like a secret",
            remedy=f"Set {SECRET} to a secret.",
        )
    return Path(text).expanduser().absolute()


def _kind(variable: str) -> str:
    return "file" if variable == SECRET_FILE else "folder"


def _several_secrets(text: str, title: str) -> SeveralSecrets:
    words = text.split()
    if not words:
        raise SettingsError(f"{title} is empty", remedy=f"Set it: {_EXPECTED_SECRET}.")
    return SeveralSecrets([_secret(word, title, number) for number, word in enumerate(words, 1)])


def _secret(text: str, title: str, number: int) -> bytes:
    which = f"secret {number}: " if number > 1 else ""
    if not _DIGITS.fullmatch(text):
        _refuse(f"{title} cannot be used: {which}{_EXPECTED_SECRET}, found other characters")
    if len(text) < _MIN_DIGITS or len(text) % 2:
        found = f"{len(text)} digits{' (an odd number)' if len(text) % 2 else ''}"
        _refuse(f"{title} cannot be used: {which}{_EXPECTED_SECRET}, found {found}")
    return bytes.fromhex(text)


def _refuse(message: str) -> NoReturn:
    raise SettingsError(message, remedy="Create a secret once, and give the same one to every host of the app.")


def _text(path: Path) -> str:
    """Return the text of a file; raises OSError if it is not a regular file, or is too large for keys."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        if not S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is not a file")
        content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise OSError(f"it has more than {_MAX_FILE_BYTES} bytes")
    return content.decode("utf-8-sig", "replace")
