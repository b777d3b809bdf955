"""What one process of a host shows of itself: its latest invocations, its log, and figures of its functions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from hosting._redaction import redact
from hosting.host.function_host import FunctionHost
from hosting.host.recorder import MAX_RECENT, MAX_SHOWN_CHARACTERS, Recorded, Recorder
from hosting.logging.fields import timestamp
from hosting.logging.tail import MAX_LINES, LogTail

MAX_RUNNING = 200
"""How many of the invocations that run are listed."""
MAX_NEWS = 200
"""How many invocations or lines are sent at once as news."""


class Monitor:
    """Answers for one process. Nothing is computed before a question.

    Args:
        host: the function host, loaded.
        recorder: records its invocations.
        tail: keeps the latest lines of its log.
    """

    def __init__(self, host: FunctionHost, recorder: Recorder, tail: LogTail) -> None:
        self.host = host
        self.recorder = recorder
        self.tail = tail
        self._answers: Mapping[str, Callable[..., Any]] = {
            "chart": recorder.histograms,
            "figures": self.figures,
            "invocations": self.invocations,
            "logs": self.logs,
            "news": self.news,
        }

    def answer(self, about: str, **arguments: Any) -> Any:
        """Return the answer of this process to a question of ``AllMonitors``.

        Args:
            about: which of the methods answers.
            arguments: its arguments.
        """
        return self._answers[about](**arguments)

    def figures(self) -> dict[str, Any]:
        """Return totals, the invocations that run, and the figures of each function that has run."""
        running = self.host.running.invocations
        counts: dict[str, int] = {}
        for facts in running.values():
            counts[facts.function] = counts.get(facts.function, 0) + 1
        return {
            "totals": {
                "invocations": self.recorder.total,
                "errors": self.recorder.errors,
                "running": len(running),
                "logLines": self.tail.total,
            },
            "running": self.running(),
            "functions": {
                one.name: {**self._figures(one.name), "running": counts.get(one.name, 0)} for one in self.host.functions
            },
        }

    def running(self) -> list[dict[str, Any]]:
        """Return the invocations that run, the oldest first, at most ``MAX_RUNNING``."""
        now = time.monotonic()
        return [
            {
                "invocationId": one.id,
                "function": one.function,
                "time": timestamp(self.recorder.wall(one.started)),
                "attempt": one.attempt + 1,
                "durationMs": round((now - one.started) * 1000, 3),
            }
            for one in list(self.host.running.invocations.values())[:MAX_RUNNING]
        ]

    def invocations(self, after: int = 0, function: str = "", last: int = MAX_RECENT) -> list[dict[str, Any]]:
        """Return the latest invocations that have ended, the oldest first.

        Args:
            after: only those with a number above this one.
            function: only those of this function, ignoring case; empty for all.
            last: how many at most.
        """
        name = function.lower()
        found = [one for one in self.recorder.latest(after) if not name or one.facts.function.lower() == name]
        return [self._invocation(one) for one in found[-last:]] if last else []

    def logs(
        self, after: int = 0, function: str = "", invocation: str = "", last: int = MAX_LINES
    ) -> list[dict[str, Any]]:
        """Return the latest lines of the log, the oldest first.

        Args:
            after: only those with a number above this one.
            function: only those of this function, ignoring case; empty for all.
            invocation: only those of the invocation with this id; empty for all.
            last: how many at most.
        """
        name = function.lower()
        found = [
            line
            for line in self.tail.lines(after)
            if (not name or (line.function or "").lower() == name)
            and (not invocation or line.invocation_id == invocation)
        ]
        return [line.document() for line in found[-last:]] if last else []

    def news(
        self, cursors: Mapping[str, Mapping[str, int]], kinds: Collection[str], function: str, past: int
    ) -> dict[str, Any]:
        """Return what is new for one reader.

        Args:
            cursors: for each process that the reader knows, by its process id, the numbers of what it has seen.
            kinds: what the reader asks for: ``invocations``, ``logs``, or both.
            function: only what is of this function, ignoring case; empty for all.
            past: how many of the latest a reader gets that does not know this process.

        Returns:
            For each kind: ``seen``, for the next question; ``items``, at most ``MAX_NEWS`` of the latest; and
            ``missed``, how many there were besides.
        """
        totals = {"invocations": self.recorder.total, "logs": self.tail.total}
        seen = cursors.get(str(os.getpid())) or {kind: max(0, total - past) for kind, total in totals.items()}
        read: Mapping[str, Callable[..., list[dict[str, Any]]]] = {"invocations": self.invocations, "logs": self.logs}
        news = {}
        for kind in kinds:
            found = read[kind](after=seen[kind], function=function) if totals[kind] > seen[kind] else []
            kept = found[-MAX_NEWS:]
            # Of those that are gone, it is not known how many were of one function.
            missed = (len(found) if function else totals[kind] - seen[kind]) - len(kept)
            news[kind] = {"seen": totals[kind], "items": kept, "missed": missed}
        return news

    def _figures(self, name: str) -> dict[str, Any]:
        figures = self.recorder.of(name)
        last = None if figures.last is None else self._invocation(figures.last)
        outputs = len(self.host.manual_runs.kept_outputs.of(name))
        return {"invocations": figures.invocations, "errors": figures.errors, "outputs": outputs, "last": last}

    def _invocation(self, one: Recorded) -> dict[str, Any]:
        started = self.recorder.wall(one.facts.started)
        about = {name: redact(str(value))[:MAX_SHOWN_CHARACTERS] for name, value in one.trigger.items()}
        return {
            "invocationId": one.facts.id,
            "function": one.facts.function,
            "time": timestamp(started),
            "ended": timestamp(started + one.milliseconds / 1000),
            "attempt": one.facts.attempt + 1,
            "status": "Failed" if one.error else "Succeeded",
            "statusCode": one.status_code,
            "durationMs": round(one.milliseconds, 3),
            "error": one.error,
            "trigger": about,
        }
