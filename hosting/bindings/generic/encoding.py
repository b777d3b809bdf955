"""Values of outputs in the form in which Azure's worker would send them to its host."""

from __future__ import annotations

import json
from typing import Any

from azure.functions import meta

from hosting.core import Binding


class OutputEncoder:
    """Encodes the values of one output with the SDK's converter, or as Azure's worker does for types without one.

    Args:
        binding: the output.
    """

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._converter: Any = meta.get_binding_registry().get(binding.type)  # type: ignore[no-untyped-call]
        self._is_blob = binding.type.lower() == "blob"

    def encode(self, value: Any) -> Any:
        """Return what the worker would send: text, bytes, a number, or None. None writes no blob.

        Raises:
            TypeError: Azure's worker cannot send a value of this type either.
        """
        if value is None and self._is_blob:
            return None
        if not hasattr(self._converter, "encode"):
            return self._without_converter(value)
        try:
            return self._converter.encode(value, expected_type=None).value
        except NotImplementedError as error:
            raise self._cannot_encode(value) from error

    def _without_converter(self, value: Any) -> Any:
        if value is None or isinstance(value, str | bytes | int | float):
            return value
        if isinstance(value, dict | list):
            return json.dumps(value)
        raise self._cannot_encode(value)

    def _cannot_encode(self, value: Any) -> TypeError:
        name, kind = self._binding.name, self._binding.type
        return TypeError(f"output '{name}' ({kind}) cannot take a value of type {type(value).__name__}")
