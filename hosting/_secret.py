"""A text that is not shown by accident: the type of passwords, keys and tokens in settings."""

from __future__ import annotations

import hmac
import importlib
from typing import Any, NoReturn

HIDDEN = "***"


class Secret:
    """A secret text in an extension's settings: ``api_key: hosting.Secret``. Only ``reveal()`` returns the text.

    ``repr``, ``str``, ``format``, log lines and ``hosting diag`` show ``***``. Two secrets are equal if their texts
    are, compared in constant time; a secret never equals a ``str``. It cannot be changed, pickled, or written as JSON.

    Args:
        value: the text.

    Raises:
        TypeError: ``value`` is not text. The message does not contain it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"hosting.Secret: expected text, found {type(value).__name__}")
        self._value: str
        object.__setattr__(self, "_value", str(value))

    def reveal(self) -> str:
        """Return the text."""
        return self._value

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a hosting.Secret cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a hosting.Secret cannot be changed")

    def __repr__(self) -> str:
        return f"Secret('{HIDDEN}')"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a hosting.Secret cannot be pickled, because its text would be readable; pass secret.reveal()")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Return what pydantic validates a field of this type with: text, or a secret."""
        schemas = importlib.import_module("pydantic_core.core_schema")  # it is there when this is called
        from_text = schemas.no_info_after_validator_function(cls, schemas.str_schema(strict=True))
        return schemas.json_or_python_schema(
            json_schema=from_text,
            python_schema=schemas.union_schema([schemas.is_instance_schema(cls), from_text]),
            serialization=schemas.plain_serializer_function_ser_schema(str, return_schema=schemas.str_schema()),
        )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
