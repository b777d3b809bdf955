"""Results as a person, a browser and a caller get them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from azure.functions import HttpResponse
from pyinstrument.session import Session

from hosting_profile.calls import Calls
from hosting_profile.counters import Counters, Io
from hosting_profile.measuring import Measured
from hosting_profile.memory import Memory
from hosting_profile.report import Invocation, header, text, with_header, write_page

REPORT = Invocation("Report", "1f2e3d4c-0000-0000-0000-000000000000", failed=False)


def _render_things() -> None:
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        sum(range(100))


@pytest.fixture(scope="module")
def session() -> Session:
    """A real profile of a function that is busy."""
    calls = Calls(0.001, None)
    _render_things()
    return calls.end()


def _measured(
    session: Session | None = None, io: Io | None = None, memory: Memory | None = None, *, shared: bool = False
) -> Measured:
    return Measured(0.1523, Counters(0.031, io), shared, session, memory)


def test_the_first_line_has_the_figures() -> None:
    """One line tells wall time, processor time, I/O and memory, in units that a person reads."""
    measured = _measured(io=Io(12_300, 0, 4, 1), memory=Memory(-5, 1_234_567, ()))
    assert text(REPORT, measured, 20) == (
        "Report took 152.3 ms; 31.0 ms CPU, read 12.3 kB (4 calls), wrote 0 B (1 call); "
        "the process meanwhile: memory -5 B, peak +1.2 MB"
    )


def test_shared_counters_are_said_to_be_shared() -> None:
    """Figures of the event loop's thread are not taken for the function's own."""
    told = text(REPORT, _measured(io=Io(1, 1, 1, 1), shared=True), 20)
    assert told == (
        "Report took 152.3 ms; the event loop meanwhile, for all invocations: "
        "31.0 ms CPU, read 1 B (1 call), wrote 1 B (1 call)"
    )


def test_a_failed_invocation_is_told_so() -> None:
    """The line says that the function raised."""
    assert text(REPORT._replace(failed=True), _measured(), 20).startswith("Report failed after 152.3 ms")


def test_the_call_tree_follows(session: Session) -> None:
    """Below the figures stand the calls that took the time, without a banner."""
    lines = text(REPORT, _measured(session), 20).splitlines()
    assert "_render_things" in lines[1] + lines[2]
    assert not any("pyinstrument" in line or "Recorded" in line for line in lines)


def test_only_the_first_lines_of_the_tree_are_told(session: Session) -> None:
    """``top`` bounds what the log gets, and what is left out is counted."""
    lines = text(REPORT, _measured(session), 1).splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"\.\.\. \d+ more lines", lines[2])


def test_places_of_memory_follow() -> None:
    """Where memory was allocated stands below, one line each."""
    memory = Memory(2_000_000, 3_000_000, (("/app/views.py:14", 1_500_000),))
    assert text(REPORT, _measured(memory=memory), 20).splitlines()[1:] == [
        "memory by line, held at the end:",
        "    1.5 MB  /app/views.py:14",
    ]


def test_the_header_is_one_that_browsers_show() -> None:
    """Server-Timing has durations in milliseconds; what is not the function's own is left out."""
    memory = Memory(0, 1_234_567, ())
    assert header(_measured(memory=memory)) == 'function;dur=152.300, cpu;dur=31.000, memory;desc="peak 1.2 MB"'
    assert header(_measured(shared=True)) == "function;dur=152.300"


def test_a_response_keeps_everything_and_is_not_touched() -> None:
    """Status, body, media type and repeated headers survive; the author's object stays as it was."""
    original = HttpResponse(b"\x00\xff", status_code=206, mimetype="image/png", headers={"X-One": "1"})
    original.headers.add("Set-Cookie", "a=1")
    original.headers.add("Set-Cookie", "b=2")
    changed = with_header(original, "function;dur=1")
    assert changed.headers["Server-Timing"] == "function;dur=1"
    assert "Server-Timing" not in original.headers
    assert changed.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert (changed.get_body(), changed.status_code, changed.mimetype) == (b"\x00\xff", 206, "image/png")


def test_a_header_that_the_function_set_stays() -> None:
    """The function's own timings come first, and these follow."""
    original = HttpResponse("x", headers={"Server-Timing": "db;dur=3"})
    changed = with_header(original, "function;dur=1")
    assert changed.headers.getlist("Server-Timing") == ["db;dur=3", "function;dur=1"]


def test_a_page_needs_nothing_else(session: Session, tmp_path: Path) -> None:
    """The file is named after function, moment and invocation, and holds the calls and its own scripts."""
    page = write_page(tmp_path / "a" / "b", REPORT, session, 20)
    assert re.fullmatch(r"Report-\d{8}T\d{6}\.\d{6}Z-1f2e3d4c\.html", page.name)
    content = page.read_text("utf-8")
    assert "_render_things" in content
    assert not re.search(r"<(script|link)[^>]+(src|href)=[\"']?https?:", content)
    assert list(page.parent.iterdir()) == [page]


def test_the_oldest_pages_go(session: Session, tmp_path: Path) -> None:
    """No more than ``keep`` pages of a function stay, and those of other functions are not touched."""
    others = [write_page(tmp_path, REPORT._replace(function=name), session, 20) for name in ("Report-All", "Re")]
    foreign = tmp_path / "Report-notes.html"
    foreign.write_text("mine")
    pages = [write_page(tmp_path, REPORT, session, 2) for _ in range(4)]
    assert sorted(tmp_path.iterdir()) == sorted([*others, foreign, *pages[2:]])


def test_a_functions_name_is_no_path(session: Session, tmp_path: Path) -> None:
    """Whatever a function is called, its page is in the folder."""
    page = write_page(tmp_path / "x", Invocation("../evil", "../id", failed=False), session, 20)
    assert page.parent == tmp_path / "x"
    assert page.resolve().parent == (tmp_path / "x").resolve()
