"""The app as an extension sees it: the argument ``app`` of the hooks ``prepare``, ``startup`` and ``shutdown``."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from hosting._author_line import defined_at
from hosting._text import did_you_mean
from hosting.app_services import AppServices, ServiceRegistry
from hosting.core import NOTHING, Function, Problem, Severity
from hosting.errors import ExtensionError

if TYPE_CHECKING:
    import inspect
    from pathlib import Path

    from azure.functions import AuthLevel

    from hosting.app_work import AddedHeader, AddedObserver, BackgroundTask, HeaderValue, HealthCheck, HookObserver

Runner = Literal["host", "azure", "testing"]
"""What runs the app: ``hosting start``, ``hosting.extend`` in Azure's worker, or ``hosting.testing``."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
"""The methods that a route can have: those of ``azure.functions.HttpMethod``."""
LEVELS = ("anonymous", "function", "admin")
_NAME = r"(?i)[a-z][a-z0-9_\-]{0,127}"


class AddedRoute(NamedTuple):
    """A route that an extension has asked for."""

    path: str
    handler: Callable[..., Any]
    methods: tuple[str, ...]
    auth_level: str
    name: str
    outside_prefix: bool
    is_open: bool


class SharedApp:
    """What all extensions of one host share about the app; each has an ``AppHandle`` of its own.

    Args:
        runner: what runs the app.
        capabilities: what the runner can do.
        root: the app's folder.
        host_json: the content of host.json.
        setting: returns the value of an app setting, or None.
        functions: returns the app's functions.
        acquire_lease: takes the lock of a background task; see ``AcquireLease``.
    """

    def __init__(
        self,
        runner: Runner = "host",
        capabilities: frozenset[str] = frozenset(),
        root: str = ".",
        host_json: Mapping[str, Any] = NOTHING,
        setting: Callable[[str], str | None] = lambda _name: None,
        functions: Callable[[], Iterable[Function]] = tuple,
        acquire_lease: Callable[[str], Awaitable[Any]] | None = None,
    ) -> None:
        self.runner = runner
        self.capabilities = capabilities
        self.root = root
        self.host_json = host_json
        self.setting = setting
        self.list_functions = functions
        """Returns the app's functions, in any order."""
        self.acquire_lease = acquire_lease
        self.list_extensions: Callable[[], list[dict[str, Any]]] = list
        """Returns the extensions as ``hosting diag --json`` lists them."""
        self.problems: list[Problem] = []
        """What extensions have asked for, and the runner does not do."""
        self.services = ServiceRegistry(self.problems.append)
        self.health: list[HealthCheck] = []
        self.tasks: list[BackgroundTask] = []
        self.observers: list[AddedObserver] = []
        self.headers: list[AddedHeader] = []
        self.ask_triggers: Callable[[], Awaitable[Mapping[str, Mapping[str, Any]]]] | None = None
        """Returns what triggers say about themselves, by function name in lower case; None if none are asked."""
        self.is_started = False
        """Whether the ``startup`` hooks have run."""
        self._handles: dict[str, AppHandle] = {}

    def open_routes(self, extension: str) -> None:
        """Let an extension add routes, because its ``prepare`` is about to be called."""
        self.handle(extension)._routes = []

    def close_routes(self, extension: str) -> Sequence[AddedRoute] | None:
        """Return the routes that an extension has added, and let it add no more; None if it could add none already."""
        handle = self.handle(extension)
        routes, handle._routes = handle._routes, None
        return routes

    def discard(self, extension: str) -> None:
        """Remove what an extension has added, because it has failed."""
        self.services.discard(extension)
        self.health[:] = [one for one in self.health if one.extension != extension]
        self.tasks[:] = [one for one in self.tasks if one.extension != extension]
        self.observers[:] = [one for one in self.observers if one.extension != extension]
        self.problems[:] = [one for one in self.problems if one.extension != extension]
        self.headers[:] = [one for one in self.headers if one.extension != extension]

    def note_start(self) -> None:
        """Take no more services, health checks and tasks, because the ``startup`` hooks have run."""
        self.is_started = True
        self.services.seal()

    def handle(self, extension: str) -> AppHandle:
        """Return the handle of an extension; always the same one."""
        return self._handles.setdefault(extension, AppHandle(extension, self))


class AppHandle:
    """The app, as the hooks ``prepare``, ``startup`` and ``shutdown`` of one extension get it.

    Args:
        extension: the name of the extension.
        shared: what all extensions of the host share.
    """

    def __init__(self, extension: str, shared: SharedApp) -> None:
        self._extension = extension
        self._shared = shared
        self._routes: list[AddedRoute] | None = None
        self.services = AppServices(extension, shared.services)
        """Objects that extensions offer to each other: ``app.services.add(Cache, make_cache)``,
        ``app.services.get(Cache)``."""

    @property
    def functions(self) -> Sequence[Function]:
        """The app's functions by name, with those that extensions have added so far, and those that cannot run."""
        return sorted(self._shared.list_functions(), key=lambda function: function.name.upper())

    @property
    def face(self) -> Runner:
        """What runs the app: ``host`` (``hosting start``), ``azure`` (``hosting.extend``) or ``testing``."""
        return self._shared.runner

    @property
    def capabilities(self) -> frozenset[str]:
        """What this runner can do.

        ``routes`` (functions can be added), ``outside_prefix`` (also without the prefix of routes), ``health`` (health
        checks are served), ``tasks`` (background tasks run), ``leases`` (also in one process only), ``headers``
        (headers can be added to every response), ``shutdown``, ``response_sent`` and ``binding_error`` (the hooks of
        these names are called).
        """
        return self._shared.capabilities

    @property
    def root(self) -> Path:
        """The app's folder."""
        from pathlib import Path  # slow: only an extension that asks needs it

        return Path(self._shared.root)

    @property
    def host_json(self) -> Mapping[str, Any]:
        """The content of host.json, with changes from the environment."""
        return self._shared.host_json

    def extensions(self) -> list[dict[str, Any]]:
        """Return the extensions, with their states and the figures of their hooks in this process as of now.

        Returns:
            For each one the entry that ``hosting diag --json`` has for it in ``extensions``.
        """
        return self._shared.list_extensions()

    async def trigger_figures(self) -> dict[str, Mapping[str, Any]]:
        """Return what the triggers say about themselves now, such as the length of a queue.

        They are asked at most every five seconds, and have two seconds to answer. Await it on the event loop of the
        invocations.

        Returns:
            By the name of the function, what its trigger says: ``source``, ``waiting`` and ``poisoned`` of a queue,
            ``schedule`` and ``next`` of a timer, what else its package has, or ``error``. Empty in Azure's worker,
            which has no triggers, and for a trigger that says nothing.
        """
        if self._shared.ask_triggers is None:
            return {}
        found = await self._shared.ask_triggers()
        return {one.name: figures for one in self.functions if (figures := found.get(one.name.lower()))}

    def settings(self, name: str) -> str | None:
        """Return the value of an app setting, of the environment or of ``Values`` in local.settings.json.

        Args:
            name: the setting's name. As in Azure, case does not matter, and ``__`` is the same as ``:``.

        Returns:
            The value; None if it is not set.
        """
        return self._shared.setting(name)

    def add_route(
        self,
        path: str,
        handler: Callable[..., Any],
        *,
        methods: Sequence[str] = ("GET",),
        auth_level: AuthLevel | str = "anonymous",
        name: str | None = None,
        outside_prefix: bool = False,
        open: bool = False,  # noqa: A002 - the word for it in the documentation of guards
    ) -> None:
        """Add a function that answers requests to a route. Only in ``prepare``.

        It is a function as those of the app: it is listed, has hooks and guards, and can be disabled.

        Args:
            path: the route, with the syntax of ``@app.route``, such as ``reports/{id:int}``.
            handler: ``def`` or ``async def`` with one parameter, which gets the ``hosting.Request``. It returns what an
                HTTP function may: text, an ``HttpResponse``, or a response of the web extension that the app uses.
            methods: the HTTP methods.
            auth_level: who may call it: ``anonymous``, ``function`` or ``admin``.
            name: the name of the function (default: the name of the handler).
            outside_prefix: whether the route has no prefix, such as ``api``. Azure's host has no such routes: there it
                is below the prefix.
            open: whether guards are not called for it.

        Raises:
            ExtensionError: it is not called in ``prepare``, an argument is wrong, or a function has this route or name.
        """
        subject = f"add_route({path!r}) of extension '{self._extension}'"
        if self._routes is None:
            raise ExtensionError(
                f"{subject}: routes can be added in 'prepare' only",
                remedy="Call it in the hook 'prepare(app)': later the functions of the app are final.",
            )
        level = str(getattr(auth_level, "value", auth_level)).lower()
        named = getattr(handler, "__name__", "") if name is None else name
        _check_path(subject, path, outside_prefix=outside_prefix)
        _check_handler(subject, handler)
        _check_methods(subject, methods)
        _check_level(subject, level)
        _check_name(subject, named)
        capitals = tuple(dict.fromkeys(method.upper() for method in methods))
        route = AddedRoute(path.strip().strip("/"), handler, capitals, level, named, outside_prefix, open)
        self._routes.append(route)

    def add_header(self, name: str, value: HeaderValue) -> None:
        """Add a header to every response of the host. Only in ``prepare``.

        Also to those that no hook can change: of functions that fail or are denied, of streams, of wrong paths and
        missing keys, of the host's own paths, and to what is not a valid HTTP request, where method, path and headers
        are empty as far as they are not known. A response that has the header keeps its own. In Azure, the host is not
        ours: there it is a problem that ``hosting diag`` shows, unless the extension looks for ``headers`` in
        ``app.capabilities`` first.

        Args:
            name: the header's name.
            value: its value; or a ``def`` that returns it for a ``hosting.ResponseHead``, None for no header. It is
                called on the event loop, so it must not wait. If it raises, or its value cannot be sent, the error is
                recorded, and it is not called again; the response is sent without the header.

        Raises:
            ExtensionError: it is not called in ``prepare``, an argument is wrong, or an extension adds this header.
        """
        from hosting.app_work import AddedHeader, check_header  # few extensions add one

        subject = f"add_header({name!r}) of extension '{self._extension}'"
        if self._routes is None:
            raise ExtensionError(f"{subject}: only in 'prepare'", remedy="Call it in the hook 'prepare(app)'.")
        header = AddedHeader(name, value, self._extension)
        check_header(subject, header, self._shared.headers)
        self._shared.headers.append(header)
        if "headers" not in self.capabilities:
            message = f"Extension '{self._extension}': its header '{name}' is not added, because Azure's host responds."
            remedy = "Set it on the responses of functions in a hook, where 'headers' is not in app.capabilities."
            self._shared.problems.append(Problem("warning", message, remedy, extension=self._extension))

    def add_health(
        self,
        name: str,
        check: Callable[[], Any],
        *,
        ready: bool = True,
        live: bool = False,
        timeout: float = 2.0,
    ) -> None:
        """Add a health check, which the host's health endpoints run. Only in ``prepare`` and ``startup``.

        In Azure's worker, ``hosting.extend(app, health_route=...)`` adds a function that runs it.

        Args:
            name: its name, for example ``redis``.
            check: ``def`` or ``async def`` without parameters. It returns None, or the reason why it is unhealthy. An
                exception is a reason, too. A ``def`` runs in a thread.
            ready: whether it decides about readiness: whether requests should be sent to this host.
            live: whether it decides about liveness: whether this process should be replaced.
            timeout: the seconds after which it counts as unhealthy.

        Raises:
            ExtensionError: it is called later, an argument is wrong, or there is a check of this name.
        """
        from hosting.app_work import HealthCheck, check_health  # few extensions add one

        subject = f"add_health({name!r}) of extension '{self._extension}'"
        self._check_not_started(subject)
        added = HealthCheck(name, check, ready, live, timeout, self._extension)
        check_health(subject, added, self._shared.health)
        self._shared.health.append(added)

    def add_task(
        self, make: Callable[[], Awaitable[Any]], *, name: str, restart: bool = True, single: bool = False
    ) -> None:
        """Run a background task while the host runs. Only in ``prepare`` and ``startup``.

        It starts after the ``startup`` hooks, and is cancelled before the ``shutdown`` hooks, for which it has
        ``budgets.shutdown`` seconds. In Azure's worker it starts with the first invocation, may be frozen between
        invocations, and is not cancelled.

        Args:
            make: an ``async def`` without parameters. It is called again for each restart.
            name: its name, for the log and the diagnosis.
            restart: whether it is started again after an error: after a second, then ever later, up to a minute. A task
                that returns is finished.
            single: whether it runs in one of several processes and machines that serve the same app, chosen by a lock
                in the host's storage.

        Raises:
            ExtensionError: it is called later, an argument is wrong, the extension has a task of this name, or this
                host has no locks: ``leases`` is not in ``capabilities``.
        """
        from hosting.app_work import BackgroundTask, check_task  # few extensions add one

        subject = f"add_task(name={name!r}) of extension '{self._extension}'"
        self._check_not_started(subject)
        task = BackgroundTask(name, make, restart, single, self._extension)
        check_task(subject, task, self._shared.tasks, has_leases="leases" in self.capabilities)
        self._shared.tasks.append(task)

    def report_problem(
        self, message: str, *, remedy: str = "", function: Function | None = None, severity: Severity = "error"
    ) -> None:
        """Report a problem that ``hosting diag`` and the start show. Only in ``prepare`` and ``startup``.

        The app runs all the same. In Azure's worker, only the diagnostics of ``hosting.extend`` show it: log it, too.

        Args:
            message: what is wrong.
            remedy: what to do; empty if there is nothing to do.
            function: the function that has the problem, whose file and line are shown; None for the whole app.
            severity: ``error`` where something does not run, else ``warning``.

        Raises:
            ExtensionError: it is called later, or ``severity`` is another word.
        """
        subject = f"report_problem() of extension '{self._extension}'"
        self._check_not_started(subject)
        if severity not in ("error", "warning"):
            raise ExtensionError(f"{subject}: severity must be 'error' or 'warning', found {severity!r}")
        file, line = (None, None) if function is None else defined_at(function.call)
        named = None if function is None else function.name
        problem = Problem(severity, message, remedy, file, line, named, self._extension).redacted()
        self._shared.problems.append(problem)

    def observe_hooks(self, observer: HookObserver) -> None:
        """Call a function after each call of another extension's hook. Only in ``prepare`` and ``startup``.

        It is called for the hooks around, before and after functions, for an around hook twice: after its way in and
        after its way out. It is not called for those at the edges of an invocation, such as ``invocation_end``.
        Every invocation of the host then measures its hooks, which costs about as much as one more hook for each.

        Args:
            observer: a ``def``, called with the invocation and a ``hosting.HookCall``, where the hook ran: on an event
                loop or on the function's thread. Its result is ignored. If it raises, the error is recorded, and it is
                not called again.

        Raises:
            ExtensionError: it is called later, or the argument is wrong.
        """
        from hosting.app_work import AddedObserver, check_observer  # few extensions observe others

        subject = f"observe_hooks() of extension '{self._extension}'"
        self._check_not_started(subject)
        check_observer(subject, observer)
        self._shared.observers.append(AddedObserver(observer, self._extension))

    def _check_not_started(self, subject: str) -> None:
        if self._shared.is_started:
            raise ExtensionError(f"{subject}: only in 'prepare' and 'startup'", remedy="Call it in one of these hooks.")


def _check_path(subject: str, path: Any, *, outside_prefix: bool) -> None:
    if not isinstance(path, str):
        raise ExtensionError(f"{subject}: the path must be text, found {type(path).__name__}")
    if not path.strip().strip("/") and not outside_prefix:
        raise ExtensionError(f"{subject}: the path is empty", remedy="Name a path, or say outside_prefix=True for '/'.")


def _check_handler(subject: str, handler: Any) -> None:
    import inspect  # only an extension that adds a route needs it

    if not callable(handler):
        raise ExtensionError(f"{subject}: the handler must be a function, found {type(handler).__name__}")
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise ExtensionError(
            f"{subject}: the handler is a generator", remedy="Return a streaming response of the web extension instead."
        )
    try:
        signature: inspect.Signature = inspect.signature(handler)
        signature.bind(None)
    except ValueError:  # a callable written in C may have no signature
        pass
    except TypeError as error:
        raise ExtensionError(
            f"{subject}: the handler is called with the request, and does not take one argument: {error}",
            remedy="Write: def handler(request): ...",
        ) from None


def _check_level(subject: str, level: str) -> None:
    if level not in LEVELS:
        raise ExtensionError(
            f"{subject}: {level!r} is not an authorization level",
            remedy=did_you_mean(level, LEVELS) or f"Use one of {', '.join(LEVELS)}.",
        )


def _check_name(subject: str, name: Any) -> None:
    if not isinstance(name, str) or not re.fullmatch(_NAME, name) or name.lower() == "host":
        raise ExtensionError(
            f"{subject}: {name!r} is not a valid function name",
            remedy="Say name=...: a letter, then letters, digits, '_' and '-', 128 characters at most.",
        )


def _check_methods(subject: str, methods: Any) -> None:
    is_sequence = isinstance(methods, list | tuple | set | frozenset) and bool(methods)
    if not is_sequence or not all(isinstance(one, str) for one in methods):
        raise ExtensionError(
            f"{subject}: methods must be a tuple of names, found {methods!r}", remedy='Write: methods=("GET", "POST").'
        )
    for one in methods:
        if one.upper() not in METHODS:
            raise ExtensionError(
                f"{subject}: {one!r} is not an HTTP method",
                remedy=did_you_mean(one, METHODS) or f"Use some of {', '.join(METHODS)}.",
            )
