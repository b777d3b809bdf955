"""The engine: claims what is due in the store, runs the app's functions, and commits what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from hosting.bindings import host_logger
from hosting_durable import versions
from hosting_durable.engine import batches, http_calls, turns
from hosting_durable.engine.activities import completed, failed
from hosting_durable.engine.claims import ACTIVITIES, ENTITIES, TURNS, Claims
from hosting_durable.engine.determinism import HTTP_ACTIVITY
from hosting_durable.engine.dialect import Dialect
from hosting_durable.engine.execution import Execution
from hosting_durable.engine.functions import ActivityData, Functions, TurnData
from hosting_durable.engine.kept import KeptExecutions
from hosting_durable.engine.locks import Admitted, admit, commit_of
from hosting_durable.errors import StoreError
from hosting_durable.events import Event
from hosting_durable.hub import TaskHub
from hosting_durable.model import EntityId
from hosting_durable.stores import instances, work
from hosting_durable.stores.database import Rows
from hosting_durable.stores.work import Activity, Claimed, Lost, Turn, TurnCommit
from hosting_durable.versions import VersionMismatch

BEAT_SECONDS = 2.0
"""How often a host shows that it is there."""
SILENT_SECONDS = 8.0
"""How long a host may show nothing until others take over what it has claimed."""

_LONGEST_WAIT_SECONDS = 60.0
_RETRY_SECONDS = 2.0
_REJECTED_SECONDS = 5.0
_MICROSECONDS = 1_000_000

_logger = host_logger("durable")


class Engine:
    """Runs the durable functions of one process.

    Args:
        hub: the task hub, which is open.
        functions: the app's functions.
        skip: for tests: called when nothing runs, with the time of what comes next, or None if nothing will. It may
            move a virtual clock there, and returns whether it did.
    """

    def __init__(self, hub: TaskHub, functions: Functions, *, skip: Callable[[int | None], bool] | None = None) -> None:
        self._hub, self._functions = hub, functions
        self.skip = skip
        self.dialect = Dialect()
        self._database, self._settings = hub.database, hub.settings
        self._claims = Claims(hub.database, hub.settings)
        self._kept = KeptExecutions(self._claims.known)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._rejected: set[str | None] = set()
        self._silent: dict[str, tuple[int, float]] = {}

    @property
    def id(self) -> str:
        """The ID of this host in the store; another one after an error of the store."""
        return self._claims.id

    # Start and stop

    def start(self) -> None:
        """Begin to run what is due; call it on the event loop."""
        self._loops = [asyncio.create_task(self._dispatch()), asyncio.create_task(self._beat())]

    def stop(self) -> None:
        """Claim nothing more, until ``resume``; what runs goes on."""
        self._is_stopping = True
        self._claims.stop()
        self._database.wake()

    def resume(self) -> None:
        """Claim again after ``stop``; call it on the event loop."""
        self._is_stopping = False
        self._claims.resume()
        dispatch, beat = self._loops
        # One that has not seen the stop yet goes on; it may have found no slots, and waits for a write.
        self._loops = [asyncio.create_task(self._dispatch()) if dispatch.done() else dispatch, beat]
        self._database.wake()

    async def close(self) -> None:
        """Cancel what still runs, and let other hosts have it at once."""
        self.stop()
        for task in (*self._loops, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._loops, *self._tasks, return_exceptions=True)
        if not self._loops:
            return
        try:
            await self._database.write(lambda rows: work.leave(rows, self.id))
        except StoreError as error:
            _logger.warning("%s Other hosts take over in %g s.", error.message, SILENT_SECONDS)

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs at the moment."""
        return not self._tasks

    # Claiming

    async def _dispatch(self) -> None:
        """Claim and run until ``stop``."""
        while not self._is_stopping:
            seen = self._database.writes
            try:
                claimed = await self._claims.claim()
                if claimed is None:
                    continue
                self._run(claimed)
                if not claimed:
                    await self._wait(seen, claimed)
            except StoreError as error:
                _logger.error("%s Trying again in %g s.", error, _RETRY_SECONDS)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _wait(self, seen: int, claimed: Claimed) -> None:
        seconds = _LONGEST_WAIT_SECONDS
        if self._may_skip(seen, claimed) and self.skip is not None and self.skip(claimed.next_due):
            return
        if claimed.next_due is not None:
            seconds = min(max((claimed.next_due - claimed.now) / _MICROSECONDS, 0), seconds)
        if seconds == 0:  # there is work, but no slot for it
            seconds = _LONGEST_WAIT_SECONDS
        await self._database.wait(seen, seconds)

    def _may_skip(self, seen: int, claimed: Claimed) -> bool:
        """Return whether nothing happens until the next thing is due, if ever."""
        is_waiting = claimed.next_due is None or claimed.next_due > claimed.now
        return is_waiting and self.is_idle and self._database.writes == seen

    def _run(self, claimed: Claimed) -> None:
        for turn in claimed.turns:
            self._spawn(TURNS, self._orchestrate(turn))
        for turn in claimed.entities:
            self._spawn(ENTITIES, self._operate(turn))
        for activity in claimed.activities:
            self._spawn(ACTIVITIES, self._act(activity))

    def _spawn(self, kind: int, work: Coroutine[Any, Any, None]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            was_full = self._claims.ended(kind)
            if was_full or self.skip is not None:
                self._database.wake()
            if not task.cancelled() and task.exception() is not None:
                _logger.error("The engine of Durable Functions failed.", exc_info=task.exception())

        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(ended)

    async def _write(self, function: Callable[[Rows], Any]) -> None:
        """Write, and run what is due then."""
        _, claimed = await self._claims.write(function)
        if claimed is not None:
            self._run(claimed)

    # Orchestrations

    async def _orchestrate(self, turn: Turn) -> None:
        """Run a turn and commit it; a turn that cannot be committed leaves no trace."""
        try:
            execution = await self._execution(turn)
            prepared = turns.prepare(turn, execution)
            if prepared.new:
                answer = await self._answer(execution, prepared.change, prepared.new)
                self.dialect.decide(prepared, execution, answer, self._settings)
            await self._commit(turn, execution, prepared.change)
        except VersionMismatch as error:
            self._report_version(turn, str(error))
            await self._give_back(turn, _REJECTED_SECONDS)
        except Lost:
            _logger.info("A turn of orchestration '%s' was lost to another host.", turn.instance_id)
        except StoreError as error:
            _logger.error("A turn of orchestration '%s' is not committed. %s", turn.instance_id, error)
            await self._give_back(turn)
        except Exception:  # a fault of this package or of the SDK must not keep the instance claimed
            _logger.exception("A turn of orchestration '%s' failed; it is tried again.", turn.instance_id)
            await self._give_back(turn)

    async def _commit(self, turn: Turn, execution: Execution, change: TurnCommit) -> None:
        if change.status.is_finished:
            execution.ended(change)
        if change.continued is None and not change.status.is_finished:
            self._kept.put(execution, turn.number + 1)
        try:
            await self._write(lambda rows: work.commit(rows, change))
        except BaseException:
            self._kept.take(turn.instance_id)
            raise

    async def _answer(self, execution: Execution, change: TurnCommit, new: list[Event]) -> turns.Answer:
        turn = change.turn
        invoke = self._functions.orchestrators.get(turn.name)
        if invoke is None:
            return turns.Answer(None, self._functions.orchestrators.unknown(turn.name))
        try:
            versions.check(self._settings.version_match, self._settings.default_version, turn.version)
        except VersionMismatch as error:
            if not self._settings.fails_other_versions:
                raise
            return turns.Answer(None, str(error))
        parent = None if turn.parent is None else turn.parent[0]
        data = TurnData(execution.context(turn.input, parent, new), turn.instance_id, execution.is_replay)
        try:
            result = await invoke(data, *turn.trace, reason=f"Orchestration '{turn.instance_id}' has new events.")
        except asyncio.CancelledError:
            await self._give_back(turn)
            raise
        if not turn.number:  # the span of the first turn is that of the orchestration
            change.span = data.trace
        return self.dialect.answer(result)

    def _report_version(self, turn: Turn, text: str) -> None:
        """Log once for each version that orchestrations of it wait for another host."""
        if turn.version not in self._rejected:
            self._rejected.add(turn.version)
            _logger.warning("Orchestration '%s' (%s) waits for another host. %s", turn.instance_id, turn.name, text)

    async def _give_back(self, turn: Turn, seconds: float = _RETRY_SECONDS) -> None:
        try:
            await self._database.write(lambda rows: work.release(rows, turn, seconds))
        except StoreError:
            _logger.warning("Orchestration '%s' stays claimed until this host ends.", turn.instance_id)

    async def _execution(self, turn: Turn) -> Execution:
        """Return the state of an execution: the one that is kept, or one rebuilt from the history."""
        kept, history = self._kept.take(turn.instance_id), turn.history
        if history is None:
            if kept is not None and kept.length:
                return kept
            history = await self._database.read(
                lambda rows: instances.history_events(rows, turn.instance_id, turn.execution)
            )
        return self.dialect.execution(turn, history)

    # Entities

    async def _operate(self, turn: Turn) -> None:
        """Run a batch of operations of an entity, and commit it."""
        batch = admit(turn, self._settings.max_entity_batch)
        messages = batch.operations
        name = EntityId.parse(turn.instance_id).name
        invoke = self._functions.entities.get(name)
        if not messages:
            outcome = batches.Outcome(turn.state, [], [])
        elif invoke is None:
            text = self._functions.entities.unknown(name)
            _logger.error("%d operations of entity '%s' are lost. %s", len(messages), turn.instance_id, text)
            outcome = batches.Outcome(turn.state, batches.failures(turn, messages, text), [])
        else:
            data = TurnData(self.dialect.batch_text(turn, messages), turn.instance_id)
            try:
                trace = batches.trace_of(messages)
                result = await invoke(data, *trace, reason=f"Entity '{turn.instance_id}' has operations.")
                if result.exception is not None:
                    raise ValueError(f"the function failed: {result.exception}")
                outcome = self.dialect.outcome(turn, messages, result.reply)
            except (ValueError, TypeError, KeyError, LookupError) as error:
                _logger.error("Entity '%s': %s. The batch is tried again.", turn.instance_id, error)
                await self._give_back(turn)
                return
            except asyncio.CancelledError:
                await self._give_back(turn)
                raise
        await self._commit_batch(turn, batch, outcome)

    async def _commit_batch(self, turn: Turn, batch: Admitted, outcome: batches.Outcome) -> None:
        try:
            await self._write(lambda rows: work.commit_entity(rows, turn, commit_of(batch, outcome)))
        except Lost:
            _logger.info("A batch of entity '%s' was lost to another host.", turn.instance_id)
        except StoreError as error:
            _logger.error("A batch of entity '%s' is not committed. %s", turn.instance_id, error)
            await self._give_back(turn)

    # Activities

    async def _act(self, activity: Activity) -> None:
        """Run an activity, and write its result."""
        try:
            if activity.name == HTTP_ACTIVITY:
                await self._call_http(activity)
                return
            invoke = self._functions.activities.get(activity.name)
            if invoke is None:
                await self._complete(activity, failed(activity, self._functions.activities.unknown(activity.name)))
                return
            traces = (activity.trace_parent or "", activity.trace_state or "")
            data = ActivityData(activity.input, activity.instance_id)
            result = await invoke(data, *traces, reason=f"Orchestration '{activity.instance_id}' has called it.")
            await self._complete(activity, completed(activity, result))
        except asyncio.CancelledError:
            await self._database.write(lambda rows: work.release_activity(rows, activity))
            raise

    async def _call_http(self, activity: Activity) -> None:
        try:
            result = await http_calls.call(activity.input or "{}", self._settings.http_sleep_seconds)
        except http_calls.HttpCallError as error:
            await self._complete(activity, failed(activity, str(error)))
            return
        if isinstance(result, str):
            await self._complete(activity, completed(activity, result))
            return
        poll = result

        def write(rows: Rows) -> None:
            work.postpone_activity(rows, activity, poll.text, rows.now() + int(poll.seconds * _MICROSECONDS))

        await self._database.write(write)

    async def _complete(self, activity: Activity, make: Callable[[int], Event]) -> None:
        """Write a result, again and again while the store is away: the activity has run, and its result is here."""
        while True:
            try:
                await self._write(lambda rows: work.complete_activity(rows, activity, make(rows.now())))
            except StoreError as error:
                _logger.error("The result of activity '%s' is not written yet. %s", activity.name, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    # Other hosts

    async def _beat(self) -> None:
        """Show that this host is there, and take over from hosts that are not."""
        while True:
            try:
                if self._tasks:
                    await self._database.write(lambda rows: work.beat(rows, self.id), quiet=True)
                others = await self._database.read(lambda rows: work.others(rows, self.id))
                for host in self._ended(others, time.monotonic()):
                    await self._database.write(lambda rows, host=host: work.leave(rows, host))  # type: ignore[misc]
                    _logger.warning("Another host has ended, and this one takes over what it has claimed.")
            except StoreError as error:
                _logger.warning("%s", error.message)
            await asyncio.sleep(BEAT_SECONDS)

    def _ended(self, others: dict[str, int], now: float) -> list[str]:
        """Return the hosts that have shown nothing for long, by the clock of this process alone."""
        before = self._silent
        self._silent = {
            host: before[host] if host in before and before[host][0] == count else (count, now)
            for host, count in others.items()
        }
        return [host for host, (_, since) in self._silent.items() if now - since >= SILENT_SECONDS]
