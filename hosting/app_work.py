"""What extensions add to a host besides functions and services: health checks, tasks, observers and headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from hosting.errors import ExtensionError

if TYPE_CHECKING:
    from hosting._invocation import Invocation

HEALTH_NAMES = ("azure.functions.web_host.lifecycle", "azure.functions.script_host.lifecycle")
"""The names of the host's own health checks: whether its process lives, and whether the app is ready."""


class HealthCheck(NamedTuple):
    """A health check of an extension; the attributes are the arguments of ``AppHandle.add_health``."""

    name: str
    check: Callable[[], Any]
    ready: bool
    live: bool
    timeout: float
    extension: str

    def is_for(self, probe: str) -> bool:
        """Return whether a probe runs it: ``live``, ``ready``, or empty for the one that runs all checks."""
        return {"": True, "live": self.live, "ready": self.ready}[probe]


class BackgroundTask(NamedTuple):
    """A background task of an extension; the attributes are the arguments of ``AppHandle.add_task``."""

    name: str
    make: Callable[[], Awaitable[Any]]
    restart: bool
    single: bool
    extension: str


class HookCall:
    """One call of a hook in an invocation, as an observer gets it; see ``AppHandle.observe_hooks``.

    Args:
        extension: the name of the extension.
        hook: the name of the hook.
        is_resumed: whether it is the second half of an around hook, after its yield.
        seconds: how long it took.
        exception: what it raised, also a ``hosting.ShortCircuit``, and the ``CancelledError`` of a hook that exceeded
            its time; None if nothing.
    """

    __slots__ = ("exception", "extension", "hook", "is_resumed", "seconds")

    def __init__(
        self, extension: str, hook: str, is_resumed: bool, seconds: float, exception: BaseException | None
    ) -> None:
        self.extension = extension
        self.hook = hook
        self.is_resumed = is_resumed
        self.seconds = seconds
        self.exception = exception


HookObserver: TypeAlias = "Callable[[Invocation, HookCall], object]"
"""What an extension observes the hooks of others with."""


class AddedObserver(NamedTuple):
    """An observer of an extension; the attributes are the arguments of ``AppHandle.observe_hooks``."""

    observer: HookObserver
    extension: str


class ResponseHead(NamedTuple):
    """A response that is about to be sent, and its request; see ``AppHandle.add_header``."""

    status: int
    """The status code."""
    method: str
    """The method of the request, in capitals. Empty if the request was refused before it was known."""
    path: str
    """The path of the request as it was sent, without the query. Empty if it was refused before it was known."""
    function: str
    """The name of the function that the request is for; empty if the host answers in the place of one."""
    request_headers: Mapping[str, str]
    """The headers of the request, their names in lower case. Empty if it is not a valid HTTP request."""


HeaderValue: TypeAlias = "str | Callable[[ResponseHead], str | None]"
"""The value of a header, or a function that returns it for one response; None for no header."""


class AddedHeader(NamedTuple):
    """A header of an extension; the attributes are the arguments of ``AppHandle.add_header``."""

    name: str
    value: HeaderValue
    extension: str


def check_header(subject: str, header: AddedHeader, others: Iterable[AddedHeader]) -> None:
    """Check the arguments of ``add_header``, but for what a header may consist of.

    Raises:
        ExtensionError: one of them is wrong, or another header has the name.
    """
    import inspect  # only an extension that adds something needs it

    _check_name(subject, header.name)
    if inspect.iscoroutinefunction(header.value):
        raise ExtensionError(f"{subject}: the value must be text or a 'def', found an 'async def'")
    if not isinstance(header.value, str):
        _check_callable(subject, "the value", header.value, " a hosting.ResponseHead", (None,))
    owner = next((one.extension for one in others if one.name.lower() == header.name.lower()), None)
    if owner is not None:
        raise ExtensionError(f"{subject}: extension '{owner}' adds this header", remedy="Choose another name.")


def check_observer(subject: str, observer: Any) -> None:
    """Check the argument of ``observe_hooks``.

    Raises:
        ExtensionError: it cannot be called with an invocation and a call.
    """
    _check_callable(subject, "observer", observer, " an invocation and a hosting.HookCall", (None, None))


def check_health(subject: str, check: HealthCheck, others: Iterable[HealthCheck]) -> None:
    """Check the arguments of ``add_health``.

    Raises:
        ExtensionError: one of them is wrong, or the name is taken.
    """
    _check_name(subject, check.name)
    _check_callable(subject, "check", check.check)
    timeout: Any = check.timeout
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < float("inf"):
        raise ExtensionError(f"{subject}: timeout must be a number of seconds above zero, found {timeout!r}")
    owners = {one.name.lower(): f"extension '{one.extension}'" for one in others}
    owner = {**owners, **dict.fromkeys(HEALTH_NAMES, "the host")}.get(check.name.lower())
    if owner is not None:
        raise ExtensionError(f"{subject}: {owner} has a health check of this name", remedy="Choose another name.")


def check_task(subject: str, task: BackgroundTask, others: Iterable[BackgroundTask], *, has_leases: bool) -> None:
    """Check the arguments of ``add_task``.

    Raises:
        ExtensionError: one of them is wrong, the name is taken, or the host has no leases for a single task.
    """
    _check_name(subject, task.name)
    _check_callable(subject, "make", task.make)
    if any(one.name.lower() == task.name.lower() and one.extension == task.extension for one in others):
        raise ExtensionError(f"{subject}: the extension has a task of this name", remedy="Choose another name.")
    if task.single and not has_leases:
        raise ExtensionError(
            f"{subject}: single=True needs a lease, and this host has none",
            remedy="Look for 'leases' in app.capabilities. In Azure, a timer trigger runs once for all workers.",
        )


def _check_name(subject: str, name: Any) -> None:
    if not isinstance(name, str) or not name.strip():
        raise ExtensionError(f"{subject}: the name must be text that is not empty, found {name!r}")


def _check_callable(
    subject: str, argument: str, value: Any, takes: str = "out arguments", values: tuple[Any, ...] = ()
) -> None:
    import inspect  # only an extension that adds something needs it

    if not callable(value):
        raise ExtensionError(f"{subject}: {argument} must be a function, found {type(value).__name__}")
    try:
        inspect.signature(value).bind(*values)
    except ValueError:  # a callable written in C may have no signature
        return
    except TypeError as error:
        raise ExtensionError(
            f"{subject}: {argument} is called with{takes}, which it does not accept: {error}"
        ) from None
