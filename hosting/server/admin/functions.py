"""``/admin/functions``: what the functions are, what is wrong with them, and running one manually."""

from __future__ import annotations

import json
from collections.abc import Mapping
from operator import itemgetter
from time import monotonic
from typing import TYPE_CHECKING, Any

from hosting._exceptions import error_text
from hosting._redaction import redact
from hosting.bindings.http.provider import full_route
from hosting.core import Binding, Function
from hosting.host.function_host import FunctionHost
from hosting.server.admin.merging import values
from hosting.server.processes import Processes

if TYPE_CHECKING:
    from hosting.host.recorder import Recorder


class AdminFunctions:
    """Describes the functions of a host in the format of Azure's host, and runs them.

    Args:
        host: the function host, loaded.
        processes: all processes of the host, to which it adds its question.
    """

    def __init__(self, host: FunctionHost, processes: Processes) -> None:
        self._host = host
        self._processes = processes
        processes.add("outputs", self._own_outputs)

    def all(self, base: str) -> list[dict[str, Any]]:
        """Return the description of every function.

        Args:
            base: scheme, name and port of the host, as in ``http://localhost:7071``.
        """
        return [self._description(function, base) for function in self._host.functions]

    def one(self, name: str, base: str) -> dict[str, Any] | None:
        """Return the description of the function of that name, ignoring case; None if there is none."""
        found = (function for function in self._host.functions if function.name.lower() == name.lower())
        return next((self._description(function, base) for function in found), None)

    def status(self, name: str) -> dict[str, Any] | None:
        """Return what is wrong with a function, listed or not because it is in error; None if there is none."""
        name = name.lower()
        problems = [one for one in self._host.problems if one.function and one.function.lower() == name]
        errors = [problem.message for problem in problems if problem.severity == "error"]
        if not errors and not any(function.name.lower() == name for function in self._host.functions):
            return None
        return {"errors": errors} if errors else {}

    async def outputs(self, name: str) -> dict[str, Any] | None:
        """Return what a function would have sent, and what it returned in manual runs; None if there is none.

        The latest values of each process, in the order in which they were set.
        """
        if self.status(name) is None:
            return None
        answers = values(await self._processes.ask("outputs", name=name))
        return {"outputs": sorted((one for _, value in answers for one in value), key=itemgetter("time"))}

    def _own_outputs(self, name: str) -> list[dict[str, Any]]:
        return [output.document() for output in self._host.manual_runs.kept_outputs.of(name)]

    async def run(self, name: str, body: bytes) -> None:
        """Start an invocation in the background.

        Args:
            name: the function's name, ignoring case.
            body: the request's body: a JSON object that may have an ``input``.

        Raises:
            KeyError: there is no such function.
            ValueError: it cannot be run manually, or not with this body; the message says why.
        """
        self._check(name)
        await self._host.manual_runs.start(name, _input(body))

    async def run_to_end(self, name: str, body: bytes, recorder: Recorder | None) -> dict[str, Any]:
        """Run a function, wait for its end, and return what came of it.

        Args:
            name: as for ``run``.
            body: as for ``run``.
            recorder: knows the ids of invocations; None if nothing does.

        Raises:
            KeyError: as for ``run``.
            ValueError: as for ``run``.
        """
        self._check(name)
        start = monotonic()
        result = await self._host.manual_runs.run(name, _input(body))
        found = () if recorder is None else recorder.latest()
        attempts = [one for one in found if one.facts.trace_parent == result.trace_parent]
        failure, returned = result.exception, result.returned
        return {
            "function": next(one.name for one in self._host.functions if one.name.lower() == name.lower()),
            "invocationId": attempts[-1].facts.id if attempts else None,
            "status": "Succeeded" if failure is None else "Failed",
            "attempts": max(1, len(attempts)),
            "durationMs": round((monotonic() - start) * 1000, 3),
            "returned": None if returned is None else {"value": returned.value, "length": returned.length},
            "error": None if failure is None else redact(error_text(failure)),
        }

    def _check(self, name: str) -> None:
        """Raise what ``run`` says about a function that cannot run."""
        status = self.status(name)
        if status is None:
            raise KeyError(name)
        if name not in self._host.manual_runs:
            raise ValueError(f"Function '{name}' cannot run: {'; '.join(status['errors'])}")

    def _description(self, function: Function, base: str) -> dict[str, Any]:
        return {
            "name": function.name,
            "script_root_path_href": None,
            "script_href": None,
            "config_href": None,
            "test_data_href": None,
            "href": f"{base}/admin/functions/{function.name}",
            "invoke_url_template": self._url(function, base),
            "language": "python",
            "config": _config(function),
            "files": None,
            "test_data": "",
            "isDisabled": function.disabled,
            "isDirect": True,
            "isProxy": False,
        }

    def _url(self, function: Function, base: str) -> str | None:
        routes = [route for route in self._host.router().routes if route.function == function.name]
        http = self._host.http
        return f"{base}/{full_route(routes[0], http.prefix)}".lower() if routes and http else None


def _input(body: bytes) -> str | None:
    """Return the ``input`` of a body such as ``{"input": "a text"}``."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ValueError('The body must be a JSON object: {"input": "a text"}, or {} for no input.')
    text = next((value for key, value in document.items() if key.lower() == "input"), None)
    if text is not None and not isinstance(text, str):
        raise ValueError(f'"input" must be a text, not {json.dumps(text)}; put JSON into the text.')
    return text


def _config(function: Function) -> Mapping[str, Any]:
    """Return the function as its function.json would describe it."""
    return {
        "name": function.name,
        "scriptFile": function.file,
        "functionDirectory": function.directory,
        "language": "python",
        "bindings": [_binding(binding) for binding in function.bindings],
    }


def _binding(binding: Binding) -> dict[str, Any]:
    return {
        "name": binding.name,
        "type": binding.type,
        "direction": binding.direction,
        **binding.properties,
    }
