"""The app for the trial of an extension, and the hosts that run it."""

from __future__ import annotations

import asyncio
import inspect
import re
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import azure.functions as func

from hosting.testing.builders import http_request
from hosting.testing.factory import make_host
from hosting.testing.host import AsyncHost
from hosting.testing.recording import Invocation

_PLACE = re.compile(r'File "(.+?)", line (\d+)')


class TrialError(Exception):
    """Raised by the functions of the app."""


class UnusableValue:
    """A value that raises when it is printed, copied, pickled, compared or measured."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise TrialError("this value raises on purpose")

    __repr__ = __str__ = __format__ = __reduce_ex__ = __deepcopy__ = __copy__ = _refuse
    __eq__ = __len__ = __iter__ = __bool__ = _refuse
    __hash__ = None  # type: ignore[assignment]


class TrialApp:
    """An app with functions that end in every possible way; it keeps weak references to their contexts."""

    def __init__(self) -> None:
        self.contexts: list[weakref.ref[Any]] = []
        """One for each time that a function has run."""
        self.waiting = asyncio.Event()
        self.app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
        self._add_answers()
        self._add_failures()
        self._add_events()

    def _note(self, context: func.Context) -> None:
        self.contexts.append(weakref.ref(context))

    def _add_answers(self) -> None:
        @self.app.route("answers")
        def answers(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
            self._note(context)
            return func.HttpResponse(f"answer <{req.params.get('mark')}>")

        @self.app.route("answers_async")
        async def answers_async(req: func.HttpRequest, context: func.Context) -> str:
            self._note(context)
            for _ in range(3):
                await asyncio.sleep(0)
            return f"answer <{req.params.get('mark')}>"

    def _add_failures(self) -> None:
        @self.app.route("raises")
        def raises(req: func.HttpRequest, context: func.Context) -> str:
            self._note(context)
            raise FAILURES[req.params["what"]]("on purpose")

        @self.app.route("raises_async")
        async def raises_async(req: func.HttpRequest, context: func.Context) -> str:
            self._note(context)
            await asyncio.sleep(0)
            raise FAILURES[req.params["what"]]("on purpose")

        @self.app.route("waits")
        async def waits(req: func.HttpRequest, context: func.Context) -> str:
            self._note(context)
            self.waiting.set()
            await asyncio.Event().wait()
            return "never"

    def _add_events(self) -> None:
        @self.app.generic_trigger("event", type="trialTrigger")
        def takes_event(event, context):  # type: ignore[no-untyped-def]
            self._note(context)

        @self.app.timer_trigger("timer", schedule="0 0 0 1 1 *")
        async def ticks(timer: func.TimerRequest, context: func.Context) -> None:
            self._note(context)


FAILURES: Mapping[str, type[BaseException]] = {
    "TrialError": TrialError,
    "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "StopIteration": StopIteration,
    "CancelledError": asyncio.CancelledError,
}


class RunningTrial:
    """A running host with the app and the extension."""

    def __init__(self, host: AsyncHost, trial: TrialApp, name: str) -> None:
        self.host = host
        self.trial = trial
        self._name = name
        self._errors = 0

    async def call(self, function: str, data: Any = None, **params: str) -> Invocation:
        """Invoke a function; ``params`` are the query of an HTTP function."""
        if data is None and params:
            data = http_request(url=f"/api/{function}", params=params)
        return await self.host.invoke(function, data)

    def faults(self) -> Iterator[str]:
        """Yield the extension's errors since the last call."""
        entry = self._diagnosis()
        errors = sum(figures["errors"] for figures in entry["statistics"].values())
        if entry["error"] and (errors > self._errors or entry["status"] == "failed"):
            yield _fault(entry["error"])
        self._errors = errors

    @property
    def refuses(self) -> bool:
        """Whether the extension refused its settings, for the app or for single functions."""
        entry = self._diagnosis()
        error = entry["error"] or {}
        return entry["status"] == "failed" or error.get("hook") == "configure_function"

    def _diagnosis(self) -> Mapping[str, Any]:
        return next(one for one in self.host._extension_entries() if one["name"] == self._name)


class ExtensionUnderTest:
    """The extension of a trial.

    Args:
        name: its name.
        target: the object, class or module with its hooks.
        settings: its settings.
    """

    def __init__(self, name: str, target: Any, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.target = target
        self.settings = settings

    def instance(self) -> Any:
        """Return the object that a host would create from the target; the target itself if that fails."""
        if not inspect.isclass(self.target) or type(self.target) is not type:
            return self.target
        try:
            return self.target()
        except Exception:  # noqa: BLE001 - the host tries again, and reports it
            return self.target

    @asynccontextmanager
    async def running(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        others: Mapping[str, Any] | None = None,
        order: tuple[str, ...] = (),
        target: Any = None,
    ) -> AsyncIterator[RunningTrial]:
        """Run the app with the extension opted in to all functions, and with other extensions."""
        extensions = {self.name: self.instance() if target is None else target, **(others or {})}
        section = {name: {"functions": {"include": ["*"]}} for name in extensions}
        own = {**section[self.name], "settings": dict(self.settings if settings is None else settings)}
        host_json = {"extensionHost": {"extensions": {**section, self.name: own}, "order": list(order)}}
        trial = TrialApp()
        async with make_host(trial.app, extensions=extensions, host_json=host_json, raises=False) as host:
            yield RunningTrial(host, trial, self.name)


def _fault(error: Mapping[str, Any]) -> str:
    here = str(Path(__file__).parent)
    places = [place for place in _PLACE.findall(error["traceback"] or "") if not place[0].startswith(here)]
    where = f" ({places[-1][0]}:{places[-1][1]})" if places else ""
    what = f"its hook {error['hook']} raised" if error.get("hook") else f"its {error['phase']} failed with"
    return f"{what} {error['type']}: {error['message']}{where}"
