"""Bindings that no installed package provides, where host.json says so: outputs are logged, inputs read from files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hosting._exceptions import error_text
from hosting._log import host_logger
from hosting.apps.web import supports_sdk_type
from hosting.bindings.generic.encoding import OutputEncoder
from hosting.bindings.generic.provider import GenericTrigger
from hosting.bindings.provider import Input, Output, Provider
from hosting.bindings.registry import OF_AZURE, type_remedy
from hosting.bindings.services import Services
from hosting.core import Binding, Function, Problem
from hosting.errors import FunctionLoadError, SettingsError
from hosting.host.binding import RETURN, ProviderLookup
from hosting.host.kept_outputs import KeptOutputs
from hosting.host.missing_options import INPUTS, SECTION, MissingOptions


class MissingBindingProvider(Provider):
    """Provides outputs whose values are logged and kept, and inputs that are read from files.

    Args:
        services: the host's services.
        options: which outputs and inputs.
        kept: gets the values of outputs.
    """

    def __init__(self, services: Services, options: MissingOptions, kept: KeptOutputs) -> None:
        super().__init__(services)
        self.options = options
        self._kept = kept

    def input(self, function: Function, binding: Binding) -> FileInput:
        """Return an input that is read from its file.

        Raises:
            SettingsError: the file cannot be read, or is not what the parameter takes.
            FunctionLoadError: the parameter has an SDK type.
        """
        file = self.options.file(function, binding)
        return FileInput(function, binding, self.services.root / str(file))

    def output(self, function: Function, binding: Binding) -> LoggedOutput:
        """Return an output whose values are logged."""
        return LoggedOutput(function, binding, self._kept)

    def result(self, function: Function) -> LoggedOutput | None:
        """Return the output for what a function returns without a ``$return`` binding; None for no log of outputs."""
        if self.options.outputs != "log":
            return None
        return self.output(function, function.trigger._replace(name=RETURN, direction="out"))

    def notice(self, function: Function, replaced: Sequence[Binding]) -> Problem:
        """Return what to say at start about a function with bindings that no package provides."""
        parts = [self._notice(function, binding) for binding in replaced]
        where = [f"GET /admin/functions/{function.name}/outputs shows what it would have sent."]
        hints = [type_remedy(binding) for binding in replaced if binding.type.lower() not in OF_AZURE]
        shown = where if any(binding.direction == "out" for binding in replaced) else []
        return Problem(
            "warning",
            f"Function '{function.name}' runs without its services: {', '.join(parts)}.",
            " ".join(filter(None, [*dict.fromkeys(hints), *shown])),
            function.file,
            function=function.name,
        )

    def unused(self, function: Function, provided: Sequence[Binding]) -> list[Problem]:
        """Return a warning for each file that is not read, because a package provides its input."""
        return [
            Problem(
                "warning",
                f"host.json: {SECTION}.{INPUTS} names a file for input '{one.name}' ({one.type}) of function "
                f"'{function.name}', which is not read: an installed package provides this type",
                "Delete the entry, or uninstall the package.",
                str(self.services.root / "host.json"),
                function=function.name,
            )
            for one in provided
            if self.options.file(function, one) is not None
        ]

    def _notice(self, function: Function, binding: Binding) -> str:
        if binding.direction == "out":
            return f"output '{binding.name}' ({binding.type}) is logged, not sent"
        return f"input '{binding.name}' ({binding.type}) is read from {self.options.file(function, binding)}"


class ReplacedBindings:
    """Looks up the providers of a function, some of whose bindings are logged or read from files.

    Args:
        providers: the lookup for all other bindings.
        provider: provides the replaced ones.
        replaced: the replaced ones.
    """

    def __init__(self, providers: ProviderLookup, provider: Provider, replaced: Sequence[Binding]) -> None:
        self._providers = providers
        self._provider = provider
        self._replaced = replaced

    def get(self, function: Function, binding: Binding) -> Provider:
        """Return the provider of a binding."""
        return self._provider if binding in self._replaced else self._providers.get(function, binding)


class LoggedOutput(Output):
    """An output that is logged and kept, and not sent.

    Args:
        function: the function.
        binding: the output.
        kept: keeps the values.
    """

    def __init__(self, function: Function, binding: Binding, kept: KeptOutputs) -> None:
        self._function = function.name
        self._binding = binding
        self._kept = kept
        self._encoder = OutputEncoder(binding)
        self._logger = host_logger(f"function.{function.name}")

    def encode(self, value: Any) -> Any:
        """Return the value as Azure's worker would send it. Raises TypeError if it cannot."""
        return self._encoder.encode(value)

    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        """Log and keep the value, if there is one."""
        if encoded is not None:
            name, kind = self._binding.name, self._binding.type
            kept = self._kept.add(self._function, self._binding, encoded)
            self._logger.info(
                "Function '%s': output '%s' (%s) is not sent: %s", self._function, name, kind, kept.logged
            )


class ShownResult(Output):
    """The result of a function in a manual run: the value is logged and kept before its own output takes it.

    Args:
        function: the function's name.
        output: the output that takes it.
        kept: keeps the value.
    """

    def __init__(self, function: str, output: Output, kept: KeptOutputs) -> None:
        self.replies = output.replies
        self._function = function
        self._output = output
        self._kept = kept

    def encode(self, value: Any) -> Any:
        """Return the value as its own output encodes it."""
        encoded = self._output.encode(value)
        if value is not None and not isinstance(self._output, LoggedOutput):
            kept = self._kept.add(self._function, Binding(RETURN, "", "out"), value)
            host_logger(f"function.{self._function}").info("Function '%s' returned: %s", self._function, kept.logged)
        return encoded

    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        """Write the value with its own output."""
        await self._output.write(encoded, properties)


class FileInput(Input):
    """An input whose value is in a file, which is read for each invocation, and at load to find mistakes.

    Args:
        function: the function.
        binding: the input.
        path: the file.

    Raises:
        SettingsError: the file cannot be read, or is not what the parameter takes.
        FunctionLoadError: the parameter has an SDK type.
    """

    def __init__(self, function: Function, binding: Binding, path: Path) -> None:
        annotation = function.annotations.get(binding.name)
        about = f"input '{binding.name}' ({binding.type}) of function '{function.name}'"
        if supports_sdk_type(binding.type, annotation):
            name = getattr(annotation, "__name__", annotation)
            raise FunctionLoadError(
                f"{about} cannot be read from a file: its parameter takes a {name}", remedy="", file=function.file
            )
        self._path = path
        self._about = about
        self._is_json = binding.type.lower() != "blob"
        self._converter = GenericTrigger(function, binding)
        self._load()

    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        """Return the file's content as the parameter takes it. Raises SettingsError if it cannot be used any more."""
        return await asyncio.to_thread(self._load)

    def _load(self) -> Any:
        content = _content(self._path, self._about, is_json=self._is_json)
        if self._is_json and content.strip() == "null":
            return None
        try:
            return self._converter.decode(content)
        except Exception as error:
            message = f"{self._path.name} cannot be {self._about}: {error_text(error)}"
            raise SettingsError(message, remedy="Correct the file's content.", file=str(self._path)) from error


def _content(path: Path, about: str, *, is_json: bool) -> str | bytes:
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig") if is_json else None
        if text is not None:
            json.loads(text)
    except OSError as error:
        raise SettingsError(
            f"host.json: {SECTION}.{INPUTS}: {path}, for {about}, cannot be read: {error.strerror}",
            remedy="Create the file, or correct its path, which is relative to host.json.",
        ) from error
    except ValueError as error:
        reason = f"{path.name}, for {about}, is not valid JSON: {error_text(error)}"
        raise SettingsError(
            reason, remedy="Correct this line.", file=str(path), line=getattr(error, "lineno", 1)
        ) from error
    return content if text is None else text
