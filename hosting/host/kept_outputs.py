"""What functions would have sent: the latest values of outputs that no installed package provides, without secrets."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hosting._exceptions import as_text
from hosting._redaction import redact
from hosting.core import Binding
from hosting.host.context import current

MAX_OUTPUTS = 50
"""The number of values that are kept for each function; older ones are dropped."""
MAX_KEPT_CHARACTERS = 16_384
"""The length from which a kept value is cut."""
MAX_LOGGED_CHARACTERS = 1_000
"""The length from which a logged value is cut."""
_MARGIN_CHARACTERS = 4_096
"""What is dropped at the end of a value that is cut: a secret that is cut there may not look like one."""


class KeptOutput(NamedTuple):
    """One value that was not sent.

    Args:
        invocation_id: the invocation that it comes from.
        time: when, in ISO 8601.
        name: the name of the binding; ``$return`` for what the function returned.
        type: the type of the binding.
        value: the value as text without secrets, at most ``MAX_KEPT_CHARACTERS``; base64 for bytes that are not UTF-8.
        length: the number of characters of the whole value.
    """

    invocation_id: str
    time: str
    name: str
    type: str
    value: str
    length: int

    @property
    def logged(self) -> str:
        """The value as a log line shows it."""
        if len(self.value) <= MAX_LOGGED_CHARACTERS:
            return self.value
        return f"{self.value[:MAX_LOGGED_CHARACTERS]}... ({self.length} characters)"

    def document(self) -> dict[str, Any]:
        """Return the value for ``GET /admin/functions/NAME/outputs``."""
        return {
            "invocationId": self.invocation_id,
            "time": self.time,
            "name": self.name,
            "type": self.type,
            "value": self.value,
            "length": self.length,
        }


class KeptOutputs:
    """The values of one host that were not sent, by function, the latest ones only."""

    def __init__(self) -> None:
        self._by_function: dict[str, deque[KeptOutput]] = {}

    def add(self, function: str, binding: Binding, value: Any) -> KeptOutput:
        """Keep a value of the running invocation, and return how it is kept.

        Args:
            function: the function's name.
            binding: the output.
            value: the value as Azure's worker would send it, or any other.
        """
        invocation = current.get()
        text = value_text(value)
        now = datetime.now(UTC).isoformat()
        kept = KeptOutput(invocation.id if invocation else "", now, binding.name, binding.type, _shown(text), len(text))
        self._by_function.setdefault(function.lower(), deque(maxlen=MAX_OUTPUTS)).append(kept)
        return kept

    def of(self, function: str) -> Sequence[KeptOutput]:
        """Return the values of a function, the oldest first; its name ignores case."""
        return tuple(self._by_function.get(function.lower(), ()))


class LastOutput(KeptOutputs):
    """Passes values on to those that a host keeps, and has the last one of a manual run.

    Args:
        kept: the values that the host keeps.
    """

    def __init__(self, kept: KeptOutputs) -> None:
        super().__init__()
        self._kept = kept
        self.output: KeptOutput | None = None
        """The last value; None if there was none."""

    def add(self, function: str, binding: Binding, value: Any) -> KeptOutput:
        """Keep a value, and return how it is kept."""
        self.output = self._kept.add(function, binding, value)
        return self.output


def _shown(text: str) -> str:
    """Return the beginning of a text, without secrets. Redaction takes time with the length: only that part of it."""
    longest = MAX_KEPT_CHARACTERS + _MARGIN_CHARACTERS
    if len(text) <= longest:
        return redact(text)[:MAX_KEPT_CHARACTERS]
    return redact(text[:longest])[:-_MARGIN_CHARACTERS]


def value_text(value: Any) -> str:
    """Return a value as text: JSON where it is not a text itself, base64 for bytes that are not UTF-8."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    try:
        return json.dumps(value, default=as_text)
    except (TypeError, ValueError, RecursionError):
        return as_text(value)
