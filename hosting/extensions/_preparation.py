"""What the host of an app offers to the hook ``prepare``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from hosting.core import Function
from hosting.extensions._model import Extension


class Preparation(Protocol):
    """The functions of an app, before they are final."""

    @property
    def functions(self) -> Sequence[Function]:
        """The functions, with those that extensions have added so far."""

    def accept(self, extension: Extension, returned: Any) -> None:
        """Add what the ``prepare`` of an extension has added and returned.

        Raises:
            ExtensionError: it cannot be added; then nothing of it is.
        """
