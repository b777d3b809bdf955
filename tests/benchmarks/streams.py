"""A large upload and a large download through a function with HTTP streams: speed and memory.

    python -m tests.benchmarks.streams [--mebibytes 1024]

The result is the growth of the host's resident memory, which must not depend on the size.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.conftest import Served, launch

MEBI = 1024 * 1024
APP = """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import JSONResponse, Request, StreamingResponse

app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("up", methods=["POST"])
async def up(req: Request) -> JSONResponse:
    size = 0
    async for chunk in req.stream():
        size += len(chunk)
    return JSONResponse(size)

@app.route("down")
async def down(req: Request) -> StreamingResponse:
    async def body():
        block = bytes(65536)
        for _ in range(int(req.query_params["size"]) // len(block)):
            yield block
    return StreamingResponse(body())
"""


def upload(served: Served, size: int) -> int:
    """Send ``size`` bytes; return how many the function has read."""
    block = bytes(MEBI)
    answer = httpx.post(served.url + "/api/up", content=(block for _ in range(size // MEBI)), timeout=None)
    return int(answer.text)


def download(served: Served, size: int) -> int:
    """Request ``size`` bytes; return how many arrived."""
    with httpx.stream("GET", f"{served.url}/api/down?size={size}", timeout=None) as answer:
        return sum(len(chunk) for chunk in answer.iter_bytes())


def measure(served: Served, transfer: Callable[[Served, int], int], size: int) -> tuple[float, float]:
    """Transfer ``size`` bytes; return the seconds, and by how many MiB the host grew at most.

    Raises:
        SystemExit: not every byte came.
    """
    before = peak = resident_bytes(served)
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, resident_bytes(served))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    came = transfer(served, size)
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    if came != size:
        sys.exit(f"{came} of {size} bytes came")
    return seconds, (peak - before) / MEBI


def resident_bytes(served: Served) -> int:
    """Return the host's resident memory in bytes."""
    return int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def main() -> None:
    """Measure both directions and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mebibytes", type=int, default=1024, help="how much to transfer each way")
    mebibytes = parser.parse_args().mebibytes
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "host.json").write_text('{"version": "2.0"}')
        (root / "function_app.py").write_text(APP)
        served = launch(root, output=root / "output.txt")
        try:
            served.url = served.wait_for(r"Listening on \S+").rpartition("Listening on ")[2].split()[0]
            for name, transfer in (("up", upload), ("down", download)):
                seconds, growth = measure(served, transfer, mebibytes * MEBI)
                print(f"{name}: {mebibytes} MiB, {mebibytes / seconds:.0f} MiB/s, growth {growth:.1f} MiB")
        finally:
            served.stop()


if __name__ == "__main__":
    main()
