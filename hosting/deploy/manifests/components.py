"""Components of an app: which functions run together, because they are scaled by the same measure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from hosting.core import Function, Problem
from hosting.deploy.manifests.documents import FUNCTIONS
from hosting.deploy.manifests.scalers import Scaler, ScalerContext, scaler_of, timer_scaler
from hosting.deploy.manifests.windows import NoWindowError

ComponentName = Literal["http", "scaled", "timers", "always-on"]

_WEB = frozenset(
    {
        *("httptrigger", "eventgridtrigger", "signalrtrigger", "webpubsubtrigger"),
        *("mcptooltrigger", "mcpresourcetrigger", "mcpprompttrigger"),
    }
)
"""Triggers that requests start, in lower case."""
_WARMUP = "warmuptrigger"
_SINGLE = frozenset({"timertrigger", "blobtrigger"})
_DURABLE = frozenset({"orchestrationtrigger", "activitytrigger", "entitytrigger"})


class Component(NamedTuple):
    """Functions that run in hosts of their own.

    Args:
        name: ``http`` for what requests start, ``scaled`` for what KEDA scales from zero, ``timers`` for what it starts
            at times, ``always-on`` for the rest.
        functions: the functions of the app that it runs, by name.
        scalers: the scalers of its functions.
        is_whole: whether it runs every function of the app, so that nothing has to be left out.
    """

    name: ComponentName
    functions: tuple[Function, ...]
    scalers: tuple[Scaler, ...] = ()
    is_whole: bool = False

    @property
    def is_single(self) -> bool:
        """Whether it has one host at most."""
        return self.name in ("timers", "always-on")

    @property
    def notes(self) -> tuple[str, ...]:
        """What a file says about it: its functions, by which the files of two apps differ."""
        names = ", ".join(function.name for function in self.functions)
        return (f"{FUNCTIONS}{names}",) if names else ()


class Placement(NamedTuple):
    """Where a function runs.

    Args:
        function: the function.
        component: its component; None if it does not run.
        scaler: its scaler, if it has one.
        why: what scales it, or why nothing does; a phrase for a table.
        problem: what a person must know about it.
    """

    function: Function
    component: ComponentName | None
    scaler: Scaler | None
    why: str
    problem: Problem | None = None


def place(functions: Sequence[Function], context: ScalerContext) -> list[Placement]:
    """Return where each function runs.

    Raises:
        HostingError: a trigger lacks what its scaler needs.
    """
    return [_place(function, context) for function in functions]


def components(placements: Sequence[Placement]) -> list[Component]:
    """Return the components that have functions, in a fixed order; an app without functions has one for HTTP."""
    own = [one for one in placements if one.component is not None and one.function.added_by is None]
    names: tuple[ComponentName, ...] = ("http", "scaled", "timers", "always-on")
    # What extensions add runs in every host, and does not need one of its own.
    used = [name for name in names if any(one.component == name and not _is_warmup(one) for one in own)]
    found: list[Component] = []
    for name in used or ["http"]:
        mine = [one for one in own if one.component == name or _is_warmup(one)]
        scalers = tuple(one.scaler for one in mine if one.scaler is not None)
        whole = len(used) < 2 and all(one.component is not None for one in placements)
        found.append(Component(name, tuple(one.function for one in mine), scalers, whole))
    return found


def _is_warmup(placement: Placement) -> bool:
    return placement.function.trigger.type.lower() == _WARMUP


def _place(function: Function, context: ScalerContext) -> Placement:
    kind = function.trigger.type.lower()
    if function.disabled:
        return Placement(function, None, None, "disabled")
    if kind in _WEB:
        return Placement(function, "http", None, "requests")
    if kind == _WARMUP:
        return Placement(function, "http", None, "runs in every host")
    if kind == "blobtrigger" and str(function.trigger.get("source") or "").lower() == "eventgrid":
        return Placement(function, "http", None, "requests")
    if kind == "timertrigger" and context.cron:
        return _place_timer(function, context)
    if kind in _SINGLE:
        return Placement(function, "always-on", None, _why_single(kind))
    scaler = scaler_of(function, context)
    if scaler is not None:
        return Placement(function, "scaled", scaler, f"{scaler.type}, 0 and more")
    return Placement(function, "always-on", None, "no scaler", _no_scaler(function))


def _place_timer(function: Function, context: ScalerContext) -> Placement:
    try:
        return Placement(function, "timers", timer_scaler(function, context), "cron, 0 or 1 host")
    except NoWindowError as reason:
        return Placement(function, "always-on", None, f"one host, because {reason}")


def _why_single(kind: str) -> str:
    if kind == "timertrigger":
        return "one host, because no queue announces a timer"
    return "one host, because KEDA counts all blobs, not new ones"


def _no_scaler(function: Function) -> Problem:
    kind = function.trigger.type
    about = "durable functions" if kind.lower() in _DURABLE else f"a {kind}"
    return Problem(
        "warning",
        f"Function '{function.name}': KEDA has no scaler for {about}, so it runs in one host that is always on",
        "If one host is not enough, change replicas of the Deployment whose name ends in -always-on in an overlay.",
        function.file,
        function=function.name,
    )


def durable_apart(placements: Sequence[Placement]) -> Iterator[Problem]:
    """Yield a warning if orchestrations run in other hosts than the functions that start them."""
    runs = {one.component for one in placements if one.function.trigger.type.lower() in _DURABLE}
    for one in placements:
        is_client = any(binding.type.lower() == "durableclient" for binding in one.function.bindings)
        if runs and is_client and one.component not in (None, *runs):
            yield Problem(
                "warning",
                f"Function '{one.function.name}' starts orchestrations that run in other hosts",
                "Let the task hub be in storage that all hosts share, not in a file.",
                one.function.file,
                function=one.function.name,
            )


def listeners_missing(
    placements: Sequence[Placement], never_triggered: Sequence[tuple[Function, str]]
) -> Iterator[Problem]:
    """Yield a warning for each function that no installed package triggers, though its hosts would be started."""
    names = {one.function.name for one in placements if one.component is not None}
    for function, kind in never_triggered:
        if function.name in names and kind.lower().endswith("trigger"):
            yield Problem(
                "warning",
                f"Function '{function.name}' is never triggered: no installed package listens to a {kind}",
                "Install its package here and in the image, or its hosts are started and do nothing.",
                function.file,
                function=function.name,
            )
