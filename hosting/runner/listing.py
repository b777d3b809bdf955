"""What ``hosting start`` prints once it serves: the functions with their URLs, and the extensions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hosting.bindings.http.provider import full_route
from hosting.core import Function
from hosting.host.function_host import FunctionHost


def function_lines(host: FunctionHost, base: str) -> Iterator[str]:
    """One line for each function that can run, HTTP functions first, then one for each that is disabled.

    Args:
        host: the loaded host.
        base: scheme, name and port, without a slash at the end.
    """
    routes = {route.function: route for route in host.router().routes}
    prefix = host.http.prefix if host.http else ""
    runnable = [function for function in host.functions if _runs(host, function)]
    for function in runnable:
        if function.name in routes:
            route = routes[function.name]
            methods = "" if route.methods is None else f"[{','.join(_declared(function))}]"
            yield f"{function.name}: {methods} {base}/{full_route(route, prefix)}"
    for function in runnable:
        if function.name not in routes:
            yield f"{function.name}: {function.trigger.type}"
    for function in host.functions:
        if function.disabled:
            yield f"Function {function.name} is disabled."


def extension_line(diagnosis: dict[str, Any]) -> str:
    """Which extensions are loaded, or how to load those that are installed; empty if there is nothing to say."""
    found = diagnosis["extensions"]
    if not diagnosis["enabled"]:
        names = ", ".join(extension["name"] for extension in found)
        return f"Extensions: off. Set PYTHON_ENABLE_WORKER_EXTENSIONS=1 to load {names}." if names else ""
    told = [_told(extension) for extension in found]
    return f"Extensions: {', '.join(told)}" if told else ""


def _told(extension: dict[str, Any]) -> str:
    version = f" {extension['version']}" if extension.get("version") else ""
    status = "" if extension["status"] == "active" else f" ({extension['status']})"
    return f"{extension['name']}{version}{status}"


def _runs(host: FunctionHost, function: Function) -> bool:
    return function.name.lower() in host.invocations and not function.disabled


def _declared(function: Function) -> list[str]:
    given = function.trigger.properties["methods"]
    return [str(method).upper() for method in ([given] if isinstance(given, str) else given)]
