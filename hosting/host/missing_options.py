"""The section ``hosting`` of host.json: what happens to bindings that no installed package provides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from hosting._text import did_you_mean
from hosting.apps.json_files import describe_json
from hosting.core import NOTHING, Binding, Function
from hosting.errors import SettingsError

SECTION = "hosting"
OUTPUTS = "missingOutputs"
INPUTS = "inputs"

MissingOutputs = Literal["refuse", "log"]
CHOICES: tuple[MissingOutputs, ...] = ("refuse", "log")


class MissingOptions(NamedTuple):
    """What happens to bindings that no installed package provides.

    Args:
        outputs: ``refuse`` if functions with such an output do not run; ``log`` if its values are logged.
        inputs: the files that such inputs are read from, by the name of the binding or ``FUNCTION.BINDING``.
    """

    outputs: MissingOutputs = "refuse"
    inputs: Mapping[str, str] = NOTHING

    def file(self, function: Function, binding: Binding) -> str | None:
        """Return the file that an input is read from; None if none is named, or it is not an input."""
        if binding.direction == "out" or binding.is_trigger:
            return None
        own: str | None = self.inputs.get(f"{function.name}.{binding.name}")
        return own or self.inputs.get(binding.name)

    def replaces(self, function: Function, binding: Binding) -> bool:
        """Return whether a binding that no package provides is logged or read from a file."""
        if binding.direction == "out":
            return self.outputs == "log"
        return self.file(function, binding) is not None

    def check_names(self, functions: Iterable[Function]) -> None:
        """Check that each name in ``inputs`` is that of an input.

        Args:
            functions: all functions of the app.

        Raises:
            SettingsError: the app has no such binding, or it is not an input.
        """
        if self.inputs:
            bindings = [(function, binding) for function in functions for binding in function.bindings]
            for name in self.inputs:
                _check_name(name, bindings)


def read_missing_options(host_json: Mapping[str, Any], outputs: str | None = None) -> MissingOptions:
    """Return the options in host.json.

    Args:
        host_json: the result of ``read_host_json``.
        outputs: ``--missing-outputs``, which comes before ``missingOutputs`` of host.json; None if it was not given.

    Raises:
        SettingsError: the section has an unknown key or a wrong value.
    """
    section = host_json.get(SECTION) or NOTHING
    known = (OUTPUTS, INPUTS)
    for key in section:
        if key.lower() not in [name.lower() for name in known]:
            remedy = did_you_mean(key, known) or f"Its keys are {' and '.join(known)}."
            raise SettingsError(f"host.json: {SECTION}: unknown key '{key}'", remedy=remedy)
    files = section.get(INPUTS) or NOTHING
    for name, file in files.items():
        if not isinstance(file, str) or not file:
            what = f"host.json: {SECTION}.{INPUTS}.{name}: expected the path of a file, found {describe_json(file)}"
            raise SettingsError(what, remedy=f'Write for example "{name}": "{name}.json".')
    return MissingOptions(_outputs(outputs or section.get(OUTPUTS) or "refuse"), files)


def _outputs(text: str) -> MissingOutputs:
    for choice in CHOICES:
        if text.lower() == choice:
            return choice
    raise SettingsError(
        f"host.json: {SECTION}.{OUTPUTS}: expected {' or '.join(CHOICES)}, found the text {text!r}",
        remedy=did_you_mean(text, CHOICES) or 'Write "refuse", or "log" to run functions without such outputs.',
    )


def _check_name(name: str, bindings: Sequence[tuple[Function, Binding]]) -> None:
    """Check that a name, with or without its function, is that of an input."""
    found = [(one, binding) for one, binding in bindings if name.lower() in _names(one, binding)]
    if any(_is_input(binding) for _, binding in found):
        return
    about = f"host.json: {SECTION}.{INPUTS}.{name}"
    if found:
        function, binding = found[0]
        kind = "the trigger" if binding.is_trigger else "an output"
        remedy = "Name an input binding."
        raise SettingsError(f"{about}: '{binding.name}' is {kind} of function '{function.name}'", remedy=remedy)
    inputs = sorted({binding.name for _, binding in bindings if _is_input(binding)})
    known = f"Its inputs are {', '.join(inputs)}." if inputs else "It has no input binding: delete this line."
    raise SettingsError(
        f"{about}: the app has no input binding of that name", remedy=f"{did_you_mean(name, inputs)} {known}".strip()
    )


def _names(function: Function, binding: Binding) -> tuple[str, str]:
    return binding.name.lower(), f"{function.name}.{binding.name}".lower()


def _is_input(binding: Binding) -> bool:
    return binding.direction == "in" and not binding.is_trigger
