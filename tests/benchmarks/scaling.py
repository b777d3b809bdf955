"""Scaling: requests and messages per second with 1, 2 and 4 hosts, beside what a model predicts from one host.

    PYTHONPATH=plugins/hosting-storage/tests python -m tests.benchmarks.scaling [--seconds 5] [--messages 240]

The model has three limits, of which the smallest counts: what hosts wait for (places / duration, times hosts), what
they compute (cores / processor time), and what the service behind them allows. On a machine with few cores the second
limit is reached with as many hosts as there are cores, so that only the first one shows how hosts add up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hosting_storage.testing import Azurite, run_azurite
from storage_support.queues import Queues

from hosting.testing import Server
from tests.benchmarks.load import _python
from tests.support.processes import PATIENCE, environment

HOSTS = (1, 2, 4)
THREADS, WAIT = 6, 0.05
BATCH, THRESHOLD, WORK = 8, 4, 1.0
HOST_JSON = {
    "version": "2.0",
    "extensions": {"queues": {"batchSize": BATCH, "newBatchThreshold": THRESHOLD, "maxPollingInterval": "00:00:00.2"}},
}
APP = f"""
import asyncio, os, random, time
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
done = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

@app.route("small")
async def small(req: func.HttpRequest) -> str:
    return "hello"

@app.route("waiting")
def waiting(req: func.HttpRequest) -> str:
    time.sleep({WAIT})
    return "hello"

@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
async def work(message: str) -> None:
    await asyncio.sleep(random.uniform(0, 2 * {WORK}))
    os.write(done, f"{{time.time()}}\\n".encode())
"""


class Figure(NamedTuple):
    """What some hosts did."""

    kind: str
    hosts: int
    rate: float
    """Requests or messages per second."""
    cost: float
    """Microseconds of the hosts' processor time for each."""
    share: float
    """The part of this machine's cores that the hosts had, 0 to 1."""


@contextmanager
def hosts(folder: Path, count: int, **settings: str) -> Iterator[list[Server]]:
    """Run several hosts of the app, each on a port of its own."""
    variables = environment(PYTHON_THREADPOOL_THREAD_COUNT=str(THREADS), EFFECTS=str(folder / "done"), **settings)
    command = [sys.executable, "-m", "hosting", "start", str(folder / "app"), "--port", "0"]
    with ExitStack() as stack:
        started = []
        for number in range(count):
            output = folder / f"host{number}.txt"
            sink = stack.enter_context(output.open("wb"))
            process = subprocess.Popen(command, env=variables, stdout=sink, stderr=sink)
            stack.callback(process.wait, PATIENCE)
            stack.callback(process.terminate)
            started.append(Server(process, output))
        for server in started:
            server.wait_until_listening()
        yield started


def seconds_used(servers: Sequence[Server]) -> float:
    """Return the processor time of the hosts so far."""
    found = 0.0
    for server in servers:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def requests(folder: Path, kind: str, count: int, seconds: float) -> Figure:
    """Load each host with connections of its own, as a balancer would."""
    with hosts(folder, count, QUEUE="unused", AzureWebJobsStorage="", **{"AzureWebJobs.work.Disabled": "1"}) as servers:

        async def load() -> int:
            loads = (_python(_port(server), f"/api/{kind}", seconds, 2 * THREADS, "x-load: 1") for server in servers)
            return sum(one.answers for one in await asyncio.gather(*loads))

        asyncio.run(_warm(servers, kind))
        before, began = seconds_used(servers), time.monotonic()
        answers = asyncio.run(load())
        passed, used = time.monotonic() - began, seconds_used(servers) - before
    return _figure(kind, count, answers, passed, used)


def _port(server: Server) -> int:
    found = re.search(r"Listening on http://localhost:(\d+)", server.logs())
    assert found is not None, server.logs()
    return int(found[1])


async def _warm(servers: Sequence[Server], kind: str) -> None:
    await asyncio.gather(*(_python(_port(server), f"/api/{kind}", 0.5, 4, "x-load: 1") for server in servers))


def messages(folder: Path, azurite: Azurite, count: int, number: int) -> Figure:
    """Let hosts that run already process a queue."""
    queues, name, done = Queues(azurite), f"queue-{count}-{time.time_ns()}", folder / "done"
    done.unlink(missing_ok=True)
    queues.create(name)
    with hosts(folder, count, QUEUE=name, AzureWebJobsStorage=azurite.connection_string) as servers:
        before = seconds_used(servers)
        queues.fill(name, [str(one) for one in range(number)])
        end = time.monotonic() + PATIENCE
        while not done.exists() or len(done.read_text().split()) < number:
            if time.monotonic() > end:
                sys.exit(f"the messages were not processed: {servers[0].logs()}")
            time.sleep(0.05)
        used = seconds_used(servers) - before
    queues.close()
    times = sorted(map(float, done.read_text().split()))
    # The first and the last tenth are the start and the end of the work, when not every place is taken.
    inner = times[number // 10 : -number // 10]
    passed = inner[-1] - inner[0]
    return _figure("messages", count, len(inner), passed, used * len(inner) / number)


def _figure(kind: str, count: int, done: int, passed: float, used: float) -> Figure:
    return Figure(kind, count, done / passed, used / done * 1e6, used / passed / (os.cpu_count() or 1))


def places(kind: str) -> float:
    """Return how many a second one host can wait for; infinite where it does not wait."""
    # A batch comes when newBatchThreshold messages are left: from 4 to 12 of these are in work, 8 on average.
    return {"waiting": THREADS / WAIT, "messages": (THRESHOLD + BATCH / 2) / WORK}.get(kind, float("inf"))


def predicted(one: Figure, count: int) -> float:
    """Return the rate that the model predicts for some hosts, from the processor time that one host needs."""
    return min(places(one.kind) * count, (os.cpu_count() or 1) / (one.cost / 1e6))


def measure(folder: Path, seconds: float, number: int, rounds: int) -> Iterator[Figure]:
    """Yield the median of each kind and number of hosts; the numbers alternate."""
    (folder / "app").mkdir()
    (folder / "app" / "function_app.py").write_text(APP)
    (folder / "app" / "host.json").write_text(json.dumps(HOST_JSON))
    for kind in ("small", "waiting", "messages"):
        found: dict[int, list[Figure]] = {count: [] for count in HOSTS}
        for _ in range(rounds):
            for count in HOSTS:
                if kind != "messages":
                    found[count].append(requests(folder, kind, count, seconds))
                    continue
                with run_azurite(folder, "--inMemoryPersistence") as azurite:
                    found[count].append(messages(folder, azurite, count, number * count))
        for count in HOSTS:
            rows = found[count]
            middle = (median(column) for column in list(zip(*rows, strict=True))[2:])
            yield Figure(kind, count, *middle)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Requests and messages per second with 1, 2 and 4 hosts.")
    parser.add_argument("--seconds", type=float, default=5, help="how long requests are sent (default: 5)")
    parser.add_argument("--messages", type=int, default=240, help="messages for each host (default: 240)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts (default: 3)")
    options = parser.parse_args(arguments)
    first: dict[str, Figure] = {}
    print("kind       hosts     rate/s   model/s   us of processor time each   share of the cores", flush=True)
    with TemporaryDirectory() as name:
        for one in measure(Path(name), options.seconds, options.messages, options.rounds):
            model = predicted(first.setdefault(one.kind, one), one.hosts)
            print(
                f"{one.kind:10} {one.hosts:5} {one.rate:10.0f} {model:9.0f} {one.cost:27.0f} {one.share:20.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
