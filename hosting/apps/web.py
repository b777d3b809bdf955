"""Azure's web extension package, in whose classes the HTTP functions of an app get requests and give responses.

Azure's worker asks the base package's module tracker whether one is imported; if so, every HTTP function of the app is
served so, and bodies are streams.
"""

from __future__ import annotations

import sys
from typing import Any

_BASE = "azurefunctions.extensions.base"


class WebExtension:
    """The classes of the web extension that an app has imported.

    Args:
        base: the module ``azurefunctions.extensions.base``.
    """

    def __init__(self, base: Any) -> None:
        self.request: type[Any] = base.RequestTrackerMeta.get_request_type()
        self.response: type[Any] = base.ResponseTrackerMeta.get_standard_response_type()
        self.json_response: type[Any] = base.ResponseTrackerMeta.get_response_type(base.ResponseLabels.JSON)
        self._requests = base.RequestTrackerMeta
        self._responses = base.ResponseTrackerMeta

    def accepts_request(self, annotation: Any) -> bool:
        """Whether the annotation of an HTTP trigger's parameter is the extension's request."""
        return bool(self._requests.check_type(annotation))

    def accepts_response(self, annotation: Any) -> bool:
        """Whether the extension makes a response of what a function with this return annotation returns."""
        return bool(self._responses.check_type(annotation))

    def set_route_values(self, request: Any, values: dict[str, str]) -> None:
        """Put the values of the route's parameters into a request's ``path_params``."""
        self._requests.get_synchronizer().sync_route_params(request, values)


def web_extension() -> WebExtension | None:
    """The web extension that the app loaded last has imported; None if it has imported none."""
    base = sys.modules.get(_BASE)
    return WebExtension(base) if base is not None and _module(base) in sys.modules else None


def unload_web_extension() -> None:
    """Have the next app import the extension by itself, so that it can be told whether it does."""
    package = _module(sys.modules.get(_BASE)).rpartition(".")[0]
    if package not in sys.modules:
        return
    for name in [name for name in list(sys.modules) if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    above, _, last = package.rpartition(".")
    vars(sys.modules[above]).pop(last, None)  # or "from ABOVE import LAST" would find it there


def supports_sdk_type(binding_type: str, annotation: Any) -> bool:
    """Whether a package of Azure's SDK types makes ``annotation``, such as ``BlobClient``, of an input of this type."""
    base: Any = sys.modules.get(_BASE)
    if base is None or not base.get_binding_registry().check_supported_type(annotation):
        return False
    converter = base.get_binding_registry().get(binding_type)
    try:
        return converter is not None and bool(converter.check_input_type_annotation(annotation))
    except TypeError:
        return False  # the converter looks for a class, and a list of them is none


def _module(base: Any) -> str:
    return (base.ModuleTrackerMeta.get_module() or "") if base is not None else ""
