"""The extension: it supplies parameters, turns results into responses, and serves the document and the page."""

from __future__ import annotations

import threading
from logging import Logger
from typing import Any

import hosting
from hosting.core import Function
from hosting.errors import HostingError
from hosting_openapi.document import Described, as_bytes, make_document
from hosting_openapi.inputs import BodyInput, NamedInput, RequestProblem, invalid, read_inputs
from hosting_openapi.marks import Body, Header, Path, Query, Response, StreamBody, instance
from hosting_openapi.outputs import Output, ResponseProblem
from hosting_openapi.problems import MEDIA_TYPE, problem_body
from hosting_openapi.security import Security, is_auth_there
from hosting_openapi.serving import serve
from hosting_openapi.settings import Operation, Settings

NAME = "openapi"
_VALUES = "hosting_openapi"
REMEDY = "Correct the annotation so that pydantic knows its type and the request has it, or remove the mark from it."
_MISMATCH = "The result does not match the response that the function declares."

_logger = hosting.extension_logger(NAME)


class Plan:
    """What is validated for one function.

    Args:
        function: the function.
    """

    def __init__(self, function: Function) -> None:
        self.inputs: dict[str, BodyInput | NamedInput] = {}
        self.output: Output | None = None
        self.error = ""
        """Why it cannot run."""
        try:
            self.inputs = read_inputs(function)
            returned = function.returned
            if returned is not None and issubclass(returned.mark_class, Response):
                self.output = Output(returned)
        except Exception as error:  # noqa: BLE001 - an annotation is the author's code, and pydantic calls it
            self.error = f"{type(error).__name__}: {error}"

    def read(self, request: hosting.Request, wanted: str) -> dict[str, Any]:
        """Return the values of all parameters, except that of a stream's body if another one is wanted.

        Args:
            request: the request.
            wanted: the name of a parameter.

        Raises:
            RequestProblem: the request is not valid.
        """
        values: dict[str, Any] = {}
        faults = []
        for name, given in self.inputs.items():
            if isinstance(given.mark, StreamBody) and name != wanted:
                continue  # it has not arrived
            try:
                values[name] = given.read(request)
            except RequestProblem as problem:
                if not problem.faults:
                    raise
                faults += problem.faults
        if faults:
            raise invalid(faults)
        return values


def await_streams(function: Function) -> None:
    """Let the body of a function be awaited if the function gets its request as a stream."""
    requested = function.annotations.get(function.trigger.name) if function.is_http else None
    names = [one.__module__ for one in getattr(requested, "__mro__", ())]
    if not any(name.startswith(("starlette.", "azurefunctions.extensions.")) for name in names):
        return
    for marked in function.injected.values():
        if isinstance(marked, hosting.Marked) and marked.mark_class is Body:
            given = instance(marked.mark)
            marked.mark = StreamBody(media_type=given.media_type, strict=given.strict, description=given.description)


class OpenApi:
    """Validates requests and responses, and serves the OpenAPI document of the app."""

    settings = Settings
    function_settings = Operation

    def __init__(self) -> None:
        self._settings = Settings()
        self._operations: dict[str, Operation] = {}
        self._plans: dict[str, Plan] = {}
        self._failed: set[str] = set()
        self._lock = threading.Lock()
        self._document: bytes | None = None
        self._app: hosting.AppHandle
        self._checks = False

    @hosting.hookimpl
    def configure(self, settings: Settings) -> None:
        """Store the settings of the app."""
        self._settings = settings
        self._operations = {}

    @hosting.hookimpl
    def configure_function(self, function_name: str, settings: Operation) -> None:
        """Store what the document says of a function."""
        self._operations[function_name] = settings

    @hosting.hookimpl
    def prepare(self, app: hosting.AppHandle) -> None:
        """Read what is validated, and add the routes of the document and the page."""
        self._app, self._document = app, None
        self._failed = {function.name for function in app.functions if function.error is not None}
        self._plans = {}
        for function in app.functions:
            await_streams(function)
            self._report(function)
        checks = self._settings.check_responses
        is_development = app.settings("AZURE_FUNCTIONS_ENVIRONMENT") == "Development"
        self._checks = is_development if checks is None else checks
        self._report_unknown(app)
        if "routes" in app.capabilities:
            serve(app, self._settings, self.document)

    @property
    def routes_of(self) -> tuple[str, ...]:
        """The names of the installed extensions that add routes to the document."""
        return tuple(name.lower() for name in self._settings.routes_of)

    def _report_unknown(self, app: hosting.AppHandle) -> None:
        """Report names in ``routes_of`` that no extension has."""
        known = {one["name"] for one in app.extensions()}
        for name in self.routes_of:
            if name not in known:
                message = (
                    f"routes_of names the extension '{name}', which is not installed: the document lacks its routes."
                )
                app.report_problem(message, remedy="Install its package, or remove the name from routes_of.")

    def _report(self, function: Function) -> None:
        """Report why a function cannot be validated, if it cannot."""
        error = self._plan(function).error
        if not error:
            return
        message = f"Function '{function.name}' cannot be validated, so each call of it fails: {error}"
        self._app.report_problem(message, remedy=REMEDY, function=function)
        if self._app.face != "host":  # where only the diagnosis shows problems
            _logger.error("%s", message)

    @hosting.provider(Body)
    def body(self, invocation: hosting.Invocation, marked: hosting.Marked) -> Any:
        """Return the value of a parameter from the body."""
        return self._value(invocation, marked)

    @hosting.provider(StreamBody)
    async def stream_body(self, invocation: hosting.Invocation, marked: hosting.Marked) -> Any:
        """Return the value of a parameter from the body, when all of it has arrived."""
        if invocation.request is not None:
            await invocation.request.body()
        return self._value(invocation, marked)

    @hosting.provider(Query)
    def query(self, invocation: hosting.Invocation, marked: hosting.Marked) -> Any:
        """Return the value of a parameter from the query."""
        return self._value(invocation, marked)

    @hosting.provider(Path)
    def path(self, invocation: hosting.Invocation, marked: hosting.Marked) -> Any:
        """Return the value of a parameter from the route."""
        return self._value(invocation, marked)

    @hosting.provider(Header)
    def header(self, invocation: hosting.Invocation, marked: hosting.Marked) -> Any:
        """Return the value of a parameter from the headers."""
        return self._value(invocation, marked)

    @hosting.hookimpl(trylast=True)  # other extensions see the response, not the model
    def post_invocation_app_level(self, logger: Logger, invocation: hosting.Invocation, func_ret: Any) -> Any:
        """Turn the result of a function that declares its response into that response."""
        if invocation.function.returned is None:
            return None
        output = self._plan(invocation.function).output
        if output is None:
            return None
        try:
            return output.respond(func_ret, invocation, checks=self._checks)
        except ResponseProblem as error:
            logger.error("The result of '%s' is not what it declares: %s", invocation.function.name, error)
            return invocation.respond(500, problem_body(500, _MISMATCH), media_type=MEDIA_TYPE)

    def document(self) -> bytes:
        """Return the OpenAPI document of the app as JSON."""
        with self._lock:
            if self._document is None:
                self._document = as_bytes(self._make_document())
            return self._document

    def _make_document(self) -> dict[str, Any]:
        host_json = self._app.host_json
        security = Security(host_json, has_auth=is_auth_there(host_json))
        local = {one["name"] for one in self._app.extensions() if one["distribution"] is None}
        shown = {None, *local, *self.routes_of} - {NAME}
        functions = [one for one in self._app.functions if one.added_by in shown]
        described = [self._describe(function) for function in functions if self._is_shown(function)]
        return make_document([one for one in described if not one.operation.hidden], self._settings, security)

    def _describe(self, function: Function) -> Described:
        plan = self._plan(function)
        operation = self._operations.get(function.name) or Operation()
        return Described(function, tuple(plan.inputs.values()), plan.output, operation)

    def _is_shown(self, function: Function) -> bool:
        is_out = NAME in function.opt_outs or function.disabled or function.name in self._failed
        return function.is_http and not is_out

    def _plan(self, function: Function) -> Plan:
        if function.name not in self._plans:
            self._plans[function.name] = Plan(function)
        return self._plans[function.name]

    def _value(self, invocation: hosting.Invocation, marked: hosting.Marked) -> Any:
        values = invocation.state.setdefault(_VALUES, {})
        if marked.name not in values:
            values.update(self._read(invocation, marked))
        return values[marked.name]

    def _read(self, invocation: hosting.Invocation, marked: hosting.Marked) -> dict[str, Any]:
        plan, request = self._plan(invocation.function), invocation.request
        if plan.error or request is None:
            reason = plan.error or "it is not triggered by HTTP"
            raise HostingError(
                f"the parameters of '{invocation.function.name}' cannot be read from a request: {reason}",
                remedy=REMEDY,
            )
        try:
            return plan.read(request, marked.name)
        except RequestProblem as problem:
            content = problem_body(problem.status, problem.detail, problem.faults)
            raise hosting.ShortCircuit(invocation.respond(problem.status, content, media_type=MEDIA_TYPE)) from None
