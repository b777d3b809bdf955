"""Several processes that serve one app: each keeps its figures in files of a folder that all of them share."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client finds the folder."""


def join_workers(environ: MutableMapping[str, str]) -> str | None:
    """Let prometheus_client keep the metrics of this process in files, if it is one of several.

    Call it before any metric is made, also by the app. A process that replaces another one has its number, and goes on
    with its counters: a sum over all processes never falls, and the number of files does not rise.

    Args:
        environ: the environment; the folder is set there.

    Returns:
        The folder; None for a single process.
    """
    folder, number = environ.get("HOSTING_WORKERS_FOLDER"), environ.get("HOSTING_WORKER_NUMBER")
    if folder is None or number is None:
        given = environ.get(FOLDER)
        if given:
            Path(given).mkdir(parents=True, exist_ok=True)
        return given or None
    metrics = Path(folder) / "prometheus"
    metrics.mkdir(exist_ok=True)
    environ[FOLDER] = str(metrics)
    (metrics / f"{number}.pid").write_text(str(os.getpid()))
    from prometheus_client import multiprocess, values  # they read the variable when they are imported

    multiprocess.mark_process_dead(number, str(metrics))  # type: ignore[no-untyped-call]
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]
    return str(metrics)


def leave_workers(folder: str) -> None:
    """Remove the gauges of this process, which ends: they are about what it does now."""
    from prometheus_client import multiprocess

    number = os.environ.get("HOSTING_WORKER_NUMBER", os.getpid())
    multiprocess.mark_process_dead(number, folder)  # type: ignore[no-untyped-call]


def forget_dead(folder: str) -> None:
    """Remove the gauges of processes that have been killed: nothing else removes them before another one starts.

    On Windows nothing is removed.
    """
    if os.name != "posix":
        return
    from prometheus_client import multiprocess

    for number in {path.stem.rpartition("_")[2] for path in Path(folder).glob("gauge_live*_*.db")}:
        process = _process_id(folder, number)
        if process is not None and not _is_alive(process):
            multiprocess.mark_process_dead(number, folder)  # type: ignore[no-untyped-call]


def _process_id(folder: str, number: str) -> int | None:
    """Return the id of a process; where no file has it, the files are named after it."""
    try:
        text = Path(folder, f"{number}.pid").read_text()
    except FileNotFoundError:
        text = number
    return int(text) if text.isdigit() else None


def _is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
