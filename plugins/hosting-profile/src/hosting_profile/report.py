"""Reports: a text for the log, a page for the browser, a header for the caller."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from azure.functions import HttpResponse
from pyinstrument.renderers import ConsoleRenderer, HTMLRenderer
from pyinstrument.session import Session

from hosting._files import write_atomically
from hosting_profile.counters import Counters
from hosting_profile.measuring import Measured

HEADER = "Server-Timing"


class Profiled(NamedTuple):
    """The invocation of a report."""

    function: str
    invocation_id: str
    failed: bool


class _Tree(ConsoleRenderer):
    """pyinstrument's call tree without its banner."""

    def render_preamble(self, session: Session) -> str:
        """Return no banner."""
        return ""


def text(invocation: Profiled, measured: Measured, top: int) -> str:
    """Return a line of figures, then the call tree and the places with most memory, ``top`` lines each."""
    lines = [f"{invocation.function} {_figures(invocation, measured)}"]
    if measured.session is not None and measured.session.frame_records:
        lines += _first(_Tree(unicode=True).render(measured.session).rstrip().splitlines(), top)
    if measured.memory is not None and measured.memory.places:
        lines += ["memory by line, held at the end:"]
        lines += [f"{_bytes(size):>10}  {place}" for place, size in measured.memory.places]
    return "\n".join(lines)


def header(measured: Measured) -> str:
    """Return the value of ``Server-Timing``; durations are in milliseconds."""
    parts = [f"function;dur={measured.seconds * 1000:.3f}"]
    if not measured.shared:
        parts.append(f"cpu;dur={measured.counters.cpu * 1000:.3f}")
    if measured.memory is not None:
        parts.append(f'memory;desc="peak {_bytes(measured.memory.peak)}"')
    return ", ".join(parts)


def with_header(response: HttpResponse, value: str) -> HttpResponse:
    """Return a copy of the response with the header; the original may be sent for other requests as well."""
    changed = HttpResponse(
        response.get_body(),
        status_code=response.status_code,
        headers=response.headers,
        mimetype=response.mimetype,
        charset=response.charset,
    )
    changed.headers.add(HEADER, value)
    return changed


def write_page(folder: Path, invocation: Profiled, session: Session, keep: int) -> Path:
    """Write the profile as a self-contained page, and delete the function's oldest pages beyond ``keep``.

    Raises:
        OSError: the folder is not writable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w.-]", "_", invocation.function)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    page = folder / f"{name}-{moment}-{re.sub(r'[^0-9a-zA-Z]', '', invocation.invocation_id)[:8]}.html"
    write_atomically(page, HTMLRenderer().render(session), durable=False)
    own = re.compile(rf"{re.escape(name)}-\d{{8}}T\d{{6}}\.\d{{6}}Z-\w*\.html")
    for old in sorted(path for path in folder.iterdir() if own.fullmatch(path.name))[:-keep]:
        old.unlink(missing_ok=True)
    return page


def _figures(invocation: Profiled, measured: Measured) -> str:
    parts = [f"{'failed after' if invocation.failed else 'took'} {measured.seconds * 1000:.1f} ms"]
    scope = "the event loop meanwhile, for all invocations: " if measured.shared else ""
    parts.append(f"{scope}{_counted(measured.counters)}")
    if measured.memory is not None:
        memory = measured.memory
        parts.append(
            f"the process meanwhile: memory {_bytes(memory.kept, sign='+')}, peak {_bytes(memory.peak, sign='+')}"
        )
    return "; ".join(parts)


def _counted(counters: Counters) -> str:
    cpu, io = f"{counters.cpu * 1000:.1f} ms CPU", counters.io
    if io is None:
        return cpu
    return f"{cpu}, read {_bytes(io.read)} ({_calls(io.reads)}), wrote {_bytes(io.written)} ({_calls(io.writes)})"


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _first(lines: list[str], count: int) -> list[str]:
    rest = len(lines) - count
    return lines if rest <= 0 else [*lines[:count], f"... {rest} more lines"]


def _bytes(count: int, sign: str = "") -> str:
    size, units = float(count), ["B", "kB", "MB", "GB"]
    while abs(size) >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    digits = 0 if units[0] == "B" else 1
    return f"{size:{sign}.{digits}f} {units[0]}"
