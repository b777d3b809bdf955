"""Manual runs: invocations in the background, with a text in place of what the trigger would bring."""

from __future__ import annotations

import asyncio
import secrets
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from hosting.bindings.provider import Output, Result, Trigger

if TYPE_CHECKING:
    from hosting.host.invocation import FunctionInvoke
    from hosting.host.kept_outputs import KeptOutput, KeptOutputs


class ManualResult(NamedTuple):
    """What came of a manual run."""

    trace_parent: str
    """The trace context that its invocations had: only they have it."""
    returned: KeptOutput | None
    """What the function returned, without secrets; None if it returned nothing."""
    exception: BaseException | None
    """What the last attempt failed with; None if it succeeded."""


class ManualRuns:
    """The functions of a host that can be run manually, disabled ones too, as in Azure's host."""

    def __init__(self) -> None:
        self._functions: dict[str, tuple[str, Trigger, FunctionInvoke]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @cached_property
    def kept_outputs(self) -> KeptOutputs:
        """What functions would have sent to services that are not there, and what manual runs returned."""
        from hosting.host.kept_outputs import KeptOutputs  # few apps need it

        return KeptOutputs()

    def add(self, name: str, trigger: Trigger, invoke: FunctionInvoke) -> None:
        """Add a function by its name."""
        self._functions[name.lower()] = (name, trigger, invoke)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._functions

    async def start(self, name: str, text: str | None) -> None:
        """Start an invocation. Its end and what the function returned are in the log; the latter is kept, too.

        Args:
            name: the function's name, ignoring case.
            text: stands for what its trigger brings; None for nothing.

        Raises:
            KeyError: there is no such function, or it cannot run.
            ValueError: it cannot be run with this text; the message says why.
        """
        await self._start(name, text, self.kept_outputs)

    async def run(self, name: str, text: str | None) -> ManualResult:
        """Run a function and return what came of it; it runs on if the caller is cancelled. See ``start``."""
        from hosting.host.kept_outputs import LastOutput  # few hosts run a function manually

        last = LastOutput(self.kept_outputs)
        trace_parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        task = await self._start(name, text, last, trace_parent)
        result: Result = await asyncio.shield(task)
        return ManualResult(trace_parent, last.output, result.exception)

    async def _start(
        self, name: str, text: str | None, kept: KeptOutputs, trace_parent: str = ""
    ) -> asyncio.Task[Result]:
        from hosting.host.missing_bindings import ShownResult  # few hosts run a function manually

        own_name, trigger, invoke = self._functions[name.lower()]
        data = await trigger.by_hand(text)

        def shown(output: Output) -> Output:
            return ShownResult(own_name, output, kept)

        task = asyncio.ensure_future(invoke.with_result(shown)(data, trace_parent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
