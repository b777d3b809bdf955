"""Writing a file as a whole."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_atomically(path: Path, text: str, *, mode: int = 0o666, replace: bool = True, durable: bool = True) -> None:
    """Write a text file in UTF-8 so that its readers find the old text or the new one, never a part of it.

    The text goes to a hidden file in the same folder, which is then moved to ``path``. The folder must exist.

    Args:
        path: the file.
        text: its content.
        mode: the permissions of the file, less the process's umask.
        replace: whether the text replaces a file that is at ``path``; if not, such a file is left as it is.
        durable: whether the text is on the disk before it is at ``path``, so that a power cut does not lose it.

    Raises:
        OSError: the file cannot be written; ``path`` is as before.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(text.encode())
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
