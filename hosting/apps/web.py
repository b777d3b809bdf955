"""Azure's web extension, such as azurefunctions-extensions-http-fastapi: HTTP functions that use its classes.

Azure's worker reads the module tracker of the base package. If the app has imported a web extension, all of its HTTP
functions get that extension's requests and return its responses, and bodies are streams.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from hosting.authoring import user_function
from hosting.core import Function

_BASE = "azurefunctions.extensions.base"


class WebExtension:
    """The request and response classes of the web extension that an app has imported.

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
        """Return whether the annotation of an HTTP trigger's parameter is the extension's request class."""
        return bool(self._requests.check_type(annotation))

    def accepts_response(self, annotation: Any) -> bool:
        """Return whether the extension can make a response from a value of this return annotation."""
        return bool(self._responses.check_type(annotation))

    def set_route_values(self, request: Any, values: dict[str, str]) -> None:
        """Set ``path_params`` of a request to the values of the route's parameters."""
        self._requests.get_synchronizer().sync_route_params(request, values)


def web_extension() -> WebExtension | None:
    """Return the web extension that the most recently loaded app has imported, or None if it has not imported one."""
    base = sys.modules.get(_BASE)
    return WebExtension(base) if base is not None and _module(base) in sys.modules else None


def unload_web_extension() -> None:
    """Remove the web extension from ``sys.modules``, so that its presence shows whether the next app imports it."""
    package = _module(sys.modules.get(_BASE)).rpartition(".")[0]
    if package not in sys.modules:
        return
    for name in [name for name in list(sys.modules) if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    above, _, last = package.rpartition(".")
    vars(sys.modules[above]).pop(last, None)  # else "from ABOVE import LAST" would still find it


@contextmanager
def classic_requests(function_app: Any) -> Iterator[None]:
    """Read an app that a test has imported as one without a web extension, unless a function takes its requests.

    Another test may have imported the extension into the same process.

    Args:
        function_app: the ``FunctionApp``.
    """
    web = web_extension()
    if web is None or any(map(web.accepts_request, _annotations(function_app))):
        yield
        return
    name = _module(sys.modules[_BASE])
    module = sys.modules.pop(name)
    try:
        yield
    finally:
        sys.modules[name] = module


def settle_request_types(functions: Iterable[Function]) -> None:
    """Annotate the requests of an app without a web extension, so that a later app that imports one changes nothing."""
    if web_extension() is not None:
        return
    from azure.functions import HttpRequest  # heavy: only loading an app needs it

    for function in functions:
        trigger = function.trigger
        if trigger.type.lower() == "httptrigger" and trigger.name not in function.annotations:
            function.annotations = {**function.annotations, trigger.name: HttpRequest}


def takes_classic_requests(functions: Iterable[Function]) -> bool:
    """Return whether the functions of an app show that it uses no web extension; also true if none is for HTTP."""
    triggers = [(one, one.trigger.name) for one in functions if one.trigger.type.lower() == "httptrigger"]
    if not triggers:
        return True
    from azure.functions import HttpRequest

    return any(one.annotations.get(name) is HttpRequest for one, name in triggers)


def _annotations(function_app: Any) -> Iterator[Any]:
    for builder in function_app._function_builders:
        call = inspect.unwrap(user_function(builder))
        try:
            yield from typing.get_type_hints(call).values()
        except Exception:  # noqa: BLE001 - an annotation is the author's code; reading the app reports it
            continue


def supports_sdk_type(binding_type: str, annotation: Any) -> bool:
    """Return whether an installed package of SDK types converts this binding to a class such as ``BlobClient``."""
    base: Any = sys.modules.get(_BASE)
    if base is None or not base.get_binding_registry().check_supported_type(annotation):
        return False
    converter = base.get_binding_registry().get(binding_type)
    try:
        return converter is not None and bool(converter.check_input_type_annotation(annotation))
    except TypeError:
        return False  # the converter expects a class, and a list of classes is not one


def is_settlement_type(annotation: Any) -> bool:
    """Return whether a parameter without a binding gets what settles messages, such as ``ServiceBusMessageActions``."""
    base: Any = sys.modules.get(_BASE)
    check = None if base is None else getattr(base.get_binding_registry(), "check_supported_grpc_client_type", None)
    return check is not None and bool(check(annotation))


def _module(base: Any) -> str:
    return (base.ModuleTrackerMeta.get_module() or "") if base is not None else ""
