"""Blob paths, ``container/blob``, and the path patterns of blob triggers."""

from __future__ import annotations

import re
from typing import NamedTuple

from azure.storage.blob import BlobClient

from hosting.bindings.expressions import Expression, Template

SPECIAL = frozenset(("$root", "$web", "$logs"))
"""Containers that a storage account reserves for itself."""

_CONTAINER = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_URL = re.compile(r"https?://", re.IGNORECASE)
_MAX_NAME_LENGTH = 1024


class BlobPath(NamedTuple):
    """The path of a blob, or of a container if ``blob`` is empty."""

    container: str
    blob: str = ""

    def __str__(self) -> str:
        return f"{self.container}/{self.blob}" if self.blob else self.container

    @classmethod
    def parse(cls, text: str, *, whole_container: bool = False) -> BlobPath:
        """Parse ``container/blob``, or the URL of a blob, which Event Grid sends as ``data.url``.

        Args:
            text: the path, with all expressions resolved.
            whole_container: whether the blob may be left out.

        Raises:
            ValueError: the path is invalid; the message is that of Azure's host.
        """
        path = cls.of_url(text) if _URL.match(text) else cls(*text.partition("/")[::2])
        if not path.container or text.endswith("/") or not (path.blob or whole_container):
            raise ValueError(
                f"Invalid blob path specified : '{text}'. Blob identifiers must be in the format 'container/blob'."
            )
        check_container(path.container)
        if path.blob:
            check_blob(path.blob)
        return path

    @classmethod
    def of_url(cls, url: str) -> BlobPath:
        """Parse the URL of a blob in Azure or in Azurite.

        Raises:
            ValueError: it is not the URL of a blob.
        """
        try:
            found = BlobClient.from_blob_url(url)
        except ValueError as error:
            raise ValueError(f"Invalid absolute blob url: {url}") from error
        with found:
            return cls(str(found.container_name), str(found.blob_name))


class BlobPattern:
    """The ``path`` of a trigger: a container, one blob, or a pattern with ``{tokens}``.

    Tokens match greedily from the left: ``{name}.{ext}`` matches ``a.b`` and ``c`` in ``a.b.c``. ``{{`` and ``}}`` are
    literal braces.

    Args:
        text: the path, with all settings resolved.

    Raises:
        ValueError: the path is invalid; the message is that of Azure's host.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.container, slash, blob = text.partition("/")
        prefix = f"Invalid blob trigger path '{text}'."
        if not self.container or bool(slash) != bool(blob) or "\\" in self.container:
            raise ValueError(f"{prefix} Paths must be in the format 'container/blob'.")
        if "{" in self.container:
            raise ValueError(f"{prefix} Container paths cannot contain {{resolve}} tokens.")
        check_container(self.container)
        self._literals, self.names = _split(Template.parse(text))
        self._literals[0] = self._literals[0].removeprefix(self.container + slash)
        if slash and not self.names:
            check_blob(self._literals[0])
        self._is_whole = not slash

    @property
    def prefix(self) -> str:
        """The common prefix of the names of all matching blobs."""
        return self._literals[0]

    def match(self, blob: str) -> dict[str, str] | None:
        """Return the values of the tokens in a blob's name; None if the name does not match."""
        if self._is_whole:
            return {}
        first, *between = self._literals
        if not self.names:
            return {} if blob == first else None
        last = between.pop()
        start, end = len(first), len(blob) - len(last)
        if start > end or not (blob.startswith(first) and blob.endswith(last)):
            return None
        # From the right, every token but the first is as short as possible: the same as greedy matching from the left.
        values: list[str] = []
        for literal in reversed(between):
            at = blob.rfind(literal, start, end)
            if at < 0:
                return None
            values.append(blob[at + len(literal) : end])
            end = at
        values.append(blob[start:end])
        return dict(zip(self.names, reversed(values), strict=True))


def check_container(name: str) -> None:
    """Check the name of a container.

    Raises:
        ValueError: the name is invalid; the message is that of Azure's host.
    """
    if name not in SPECIAL and not _CONTAINER.fullmatch(name):
        raise ValueError(f"Invalid container name: {name}")


def check_blob(name: str) -> None:
    """Check the name of a blob, as Azure's host does.

    Raises:
        ValueError: it is empty, has more than 1,024 characters or a backslash, or ends with a dot or a slash.
    """
    if not name or len(name) > _MAX_NAME_LENGTH:
        size = "long" if name else "short"
        raise ValueError(
            f"The given blob name '{name}' is too {size}. A blob name must be at least one character long and cannot "
            "be more than 1,024 characters long."
        )
    if name.endswith((".", "/")):
        raise ValueError(
            f"The given blob name '{name}' has an invalid suffix. Blob names must not end with a dot ('.') or a "
            "forward slash ('/')."
        )
    if "\\" in name:
        raise ValueError(f"The given blob name '{name}' contains an illegal character, a backslash ('\\').")
    check_segments(name)


def check_segments(name: str) -> None:
    """Check for names that HTTP clients normalize: ``../`` in a name would lead to another container.

    Raises:
        ValueError: a segment is ``.`` or ``..``.
    """
    if not {".", ".."}.isdisjoint(name.split("/")):
        raise ValueError(f"The given blob name '{name}' cannot be requested: one of its segments is '.' or '..'.")


def _split(template: Template) -> tuple[list[str], tuple[str, ...]]:
    """Return the literal texts around the tokens, one more than there are tokens, and the names of the tokens."""
    literals, names = [""], []
    for part in template.parts:
        if isinstance(part, Expression):
            if len(part.path) > 1 or part.form is not None:
                name = ".".join(part.path) + (f":{part.form}" if part.form else "")
                raise ValueError(f"Invalid template '{template.text}'. The parameter name '{name}' is invalid.")
            names.append(part.path[0])
            literals.append("")
        else:
            literals[-1] += part
    return literals, tuple(names)
