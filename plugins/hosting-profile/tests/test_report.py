"""Reports in the log, in a header and in pages."""

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
from hosting_profile.report import Profiled, header, text, with_header, write_page

REPORT = Profiled("Report", "1f2e3d4c-0000-0000-0000-000000000000", failed=False)


def _render_page() -> None:
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        sum(range(100))


@pytest.fixture(scope="module")
def session() -> Session:
    """The profile of a busy function."""
    calls = Calls(0.001, None)
    _render_page()
    return calls.end()


def _measured(
    session: Session | None = None, io: Io | None = None, memory: Memory | None = None, *, shared: bool = False
) -> Measured:
    return Measured(0.1523, Counters(0.031, io), shared, session, memory)


def test_report_starts_with_a_line_of_figures() -> None:
    """One line has wall time, processor time, I/O and memory, in readable units."""
    measured = _measured(io=Io(12_300, 0, 4, 1), memory=Memory(-5, 1_234_567, ()))
    assert text(REPORT, measured, 20) == (
        "Report took 152.3 ms; 31.0 ms CPU, read 12.3 kB (4 calls), wrote 0 B (1 call); "
        "the process meanwhile: memory -5 B, peak +1.2 MB"
    )


def test_report_of_shared_counters_attributes_them_to_the_event_loop() -> None:
    """Figures of the event loop's thread are not reported as the function's own."""
    report = text(REPORT, _measured(io=Io(1, 1, 1, 1), shared=True), 20)
    assert report == (
        "Report took 152.3 ms; the event loop meanwhile, for all invocations: "
        "31.0 ms CPU, read 1 B (1 call), wrote 1 B (1 call)"
    )


def test_report_of_a_failed_invocation_says_failed() -> None:
    """The line says that the function raised."""
    assert text(REPORT._replace(failed=True), _measured(), 20).startswith("Report failed after 152.3 ms")


def test_report_has_the_call_tree_below_the_figures(session: Session) -> None:
    """Below the figures are the calls that took the time, without a banner."""
    lines = text(REPORT, _measured(session), 20).splitlines()
    assert "_render_page" in lines[1] + lines[2]
    assert not any("pyinstrument" in line or "Recorded" in line for line in lines)


def test_report_has_the_first_lines_of_the_tree_and_counts_the_rest(session: Session) -> None:
    """``top`` limits the lines in the log, and the omitted ones are counted."""
    lines = text(REPORT, _measured(session), 1).splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"\.\.\. \d+ more lines", lines[2])


def test_report_has_a_line_for_each_allocation() -> None:
    """The lines that allocated memory follow, one each."""
    memory = Memory(2_000_000, 3_000_000, (("/app/views.py:14", 1_500_000),))
    assert text(REPORT, _measured(memory=memory), 20).splitlines()[1:] == [
        "memory by line, held at the end:",
        "    1.5 MB  /app/views.py:14",
    ]


def test_header_has_the_figures_of_the_function_as_server_timing() -> None:
    """Server-Timing has durations in milliseconds; figures of other functions are left out."""
    memory = Memory(0, 1_234_567, ())
    assert header(_measured(memory=memory)) == 'function;dur=152.300, cpu;dur=31.000, memory;desc="peak 1.2 MB"'
    assert header(_measured(shared=True)) == "function;dur=152.300"


def test_response_with_header_is_a_copy_with_everything_else() -> None:
    """Status, body, media type and repeated headers are copied; the author's object is unchanged."""
    original = HttpResponse(b"\x00\xff", status_code=206, mimetype="image/png", headers={"X-One": "1"})
    original.headers.add("Set-Cookie", "a=1")
    original.headers.add("Set-Cookie", "b=2")
    changed = with_header(original, "function;dur=1")
    assert changed.headers["Server-Timing"] == "function;dur=1"
    assert "Server-Timing" not in original.headers
    assert changed.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert (changed.get_body(), changed.status_code, changed.mimetype) == (b"\x00\xff", 206, "image/png")


def test_server_timing_of_the_function_is_kept_first() -> None:
    """The function's own timings come first, and these follow."""
    original = HttpResponse("x", headers={"Server-Timing": "db;dur=3"})
    changed = with_header(original, "function;dur=1")
    assert changed.headers.getlist("Server-Timing") == ["db;dur=3", "function;dur=1"]


def test_page_is_self_contained_and_named_after_its_invocation(session: Session, tmp_path: Path) -> None:
    """The name has function, time and invocation; the page has the calls and its own scripts."""
    page = write_page(tmp_path / "a" / "b", REPORT, session, 20)
    assert re.fullmatch(r"Report-\d{8}T\d{6}\.\d{6}Z-1f2e3d4c\.html", page.name)
    content = page.read_text("utf-8")
    assert "_render_page" in content
    assert not re.search(r"<(script|link)[^>]+(src|href)=[\"']?https?:", content)
    assert list(page.parent.iterdir()) == [page]


def test_pages_beyond_keep_are_deleted_oldest_first(session: Session, tmp_path: Path) -> None:
    """At most ``keep`` pages of a function are kept, and those of other functions are not deleted."""
    others = [write_page(tmp_path, REPORT._replace(function=name), session, 20) for name in ("Report-All", "Re")]
    other_file = tmp_path / "Report-notes.html"
    other_file.write_text("mine")
    pages = [write_page(tmp_path, REPORT, session, 2) for _ in range(4)]
    assert sorted(tmp_path.iterdir()) == sorted([*others, other_file, *pages[2:]])


def test_function_name_with_path_characters_stays_in_the_folder(session: Session, tmp_path: Path) -> None:
    """A function with any name has its page in the folder."""
    page = write_page(tmp_path / "x", Profiled("../evil", "../id", failed=False), session, 20)
    assert page.parent == tmp_path / "x"
    assert page.resolve().parent == (tmp_path / "x").resolve()
