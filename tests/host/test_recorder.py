"""What a host records about its invocations, and that its memory is bounded."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest

from hosting.host.context import InvocationFacts
from hosting.host.recorder import MAX_RECENT, SLOT_SECONDS, SLOTS, Recorder, chart_points


def add(recorder: Recorder, facts: InvocationFacts, milliseconds: float = 1.0) -> None:
    """Add an invocation that succeeded."""
    recorder.add((facts, (milliseconds, 200), {}, ""))


def recorded(durations: Sequence[float], *, at: float = 0.0, function: str = "F") -> Recorder:
    """Return a recorder with invocations of these durations in milliseconds, which have ended ``at``."""
    recorder = Recorder()
    for number, milliseconds in enumerate(durations):
        add(recorder, InvocationFacts(f"id{number}", function, "", at - milliseconds / 1000), milliseconds)
    return recorder


@pytest.mark.parametrize(
    ("durations", "percentiles"),
    [
        ([5.0], (5.0, 5.0, 5.0)),
        ([float(n) for n in range(1, 1001)], (500.0, 950.0, 990.0)),
        ([1.0] * 98 + [100.0, 4_000.0], (1.0, 1.0, 100.0)),
        ([0.0, 0.0], (0.0009, 0.0009, 0.0009)),
        ([1e12], (3.3e6, 3.3e6, 3.3e6)),
    ],
)
def test_percentiles_are_within_a_fifth_of_the_durations(
    durations: list[float], percentiles: tuple[float, float, float]
) -> None:
    """The histogram has four bins for each doubling; durations beyond its ends count in its first or last bin."""
    recorder = recorded(durations, at=(time.monotonic() // SLOT_SECONDS + 0.5) * SLOT_SECONDS)
    (point,) = chart_points([recorder.histograms()]).values()
    assert point["invocations"] == len(durations)
    assert tuple(point[f"p{share}"] for share in (50, 95, 99)) == pytest.approx(percentiles, rel=0.2, abs=0.0005)


def test_recorder_keeps_the_latest_and_counts_all() -> None:
    """Ten thousand invocations leave so many entries and so many points, whatever their times are."""
    recorder = recorded([1.0] * 10_000, at=time.monotonic())
    recent = recorder.latest()
    assert [recent[0].number, recent[-1].number, len(recent)] == [10_000 - MAX_RECENT + 1, 10_000, MAX_RECENT]
    assert recent[-1].facts.id == "id9999"
    assert [one.number for one in recorder.latest(9_998)] == [9_999, 10_000]
    assert (recorder.latest(10_000), recorder.latest(10_001)) == ([], [])
    for hour in range(3 * SLOTS):
        add(recorder, InvocationFacts("x", "G", "", float(hour * SLOT_SECONDS)))
        recorder.settle()
    assert len(recorder._slots) == SLOTS
    assert (recorder.total, recorder.of("F").invocations, recorder.of("G").invocations) == (11_080, 10_000, 1_080)
    assert recorder.of("none") == (0, 0, None)


def test_points_older_than_an_hour_are_not_shown() -> None:
    """The chart ends now, also where nothing has run since."""
    recorder = recorded([1.0, 2.0], at=time.monotonic() - SLOTS * SLOT_SECONDS - 60)
    assert recorder.histograms() == {}
    add(recorder, InvocationFacts("x", "F", "", time.monotonic()))
    (number,) = recorder.histograms()
    assert abs(recorder.wall(number * SLOT_SECONDS) - time.time()) < 60
    # Two processes, one of which has sent its answer as JSON.
    answers = [recorder.histograms(), json.loads(json.dumps(recorder.histograms()))]
    assert chart_points(answers)[number]["invocations"] == 2


def test_failures_are_counted_with_their_errors() -> None:
    """The text of an error has no secrets and a bound; an exception that cannot be shown does no harm."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    recorder = recorded([1.0], at=time.monotonic())
    for error in (ValueError("password=hunter2 " + "x" * 10_000), Broken(), KeyError()):
        facts = InvocationFacts("id", "F", "", time.monotonic(), 2)
        recorder.add_failure(facts, (2.0, 500), {"method": "GET"}, error)
    first, *others = recorder.latest(1)
    assert first.error.startswith("ValueError: password=***")
    assert len(first.error) == 500
    assert all(one.error for one in others)
    assert (first.facts.attempt, first.status_code, first.trigger) == (2, 500, {"method": "GET"})
    assert (
        recorder.errors,
        recorder.of("F").errors,
        [*chart_points([recorder.histograms()]).values()][-1]["errors"],
    ) == (3, 3, 3)
