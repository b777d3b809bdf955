"""Queues: messages per second, the cost of an idle host, and the wait of a message for an idle host.

``hosting start`` and a hand-written asyncio loop over the same SDK each process a queue, with equal numbers of messages
at once. They alternate, so that other work of the machine affects both alike:

    python -m tests.benchmarks.queues [--rounds 5] [--messages 2000] [--seconds 30] [--waits 20]

The results: the median of the ratios within a round (goal: 0.8 or more); the processor time of a host with 20 idle
queue triggers (goal: less than 2 percent of a core); the longest wait (goal: less than the polling interval).
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from hosting_storage.testing import Azurite, run_azurite
from storage_support.queues import Queues

from tests.benchmarks.servers import COMPETITORS, PATIENCE, Started
from tests.support.processes import ROOT, environment

LOOP = (sys.executable, "-m", "tests.benchmarks.competitors.queue_loop")
TRIGGERS = 20


def hosting(app: str) -> tuple[str, ...]:
    """Return how ``hosting start`` serves one of the apps here."""
    return (sys.executable, "-m", "hosting", "start", str(COMPETITORS / app), "--port", "0")


CONTESTANTS = {"hosting": hosting("queue_app"), "hand-written loop": LOOP}


@contextmanager
def running(command: Sequence[str], azurite: Azurite, folder: Path, **environ: str) -> Iterator[Started]:
    """Run a contestant until the end of the block; its output goes to a file."""
    settings = environment(AzureWebJobsStorage=azurite.connection_string, PYTHONPATH=str(ROOT), **environ)
    with (folder / "output.txt").open("wb") as sink:
        process = subprocess.Popen(command, env=settings, stdout=sink, stderr=sink, cwd=ROOT)
        try:
            yield Started(0, process)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def wait_for_lines(file: Path, process: subprocess.Popen[bytes], count: int = 1) -> list[float]:
    """Wait until a file has this many numbers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        numbers = file.read_text().split() if file.exists() else []
        if len(numbers) >= count:
            return [float(number) for number in numbers]
        if process.poll() is not None:
            sys.exit(f"it ended with code {process.returncode}:\n{(file.parent / 'output.txt').read_text()}")
        time.sleep(0.02)
    sys.exit(f"{file.name} was not written:\n{(file.parent / 'output.txt').read_text()}")


def throughput(folder: Path, rounds: int, messages: int) -> Iterator[str]:
    """Return the rates of both, and the ratio; one small turn before each warms Azurite up."""
    figures: dict[str, list[list[float]]] = {name: [] for name in CONTESTANTS}
    for turn in range(rounds):
        for name in list(CONTESTANTS)[:: 1 if turn % 2 else -1]:
            # A new Azurite each time: once a minute it purges deleted messages, and answers no request meanwhile.
            with run_azurite(folder, "--inMemoryPersistence") as azurite:
                work_through(name, azurite, folder, messages // 10)
                figures[name].append(work_through(name, azurite, folder, messages))
    for name, rows in figures.items():
        rate, cost = (median(column) for column in zip(*rows, strict=True))
        yield f"{name:20} {rate:8.0f} messages/s {cost:8.0f} us of processor time each"
    ratios = [ours[0] / theirs[0] for ours, theirs in zip(*figures.values(), strict=True)]
    yield f"hosting / hand-written loop: median of {rounds} ratios {median(ratios):.3f}"


def work_through(name: str, azurite: Azurite, folder: Path, messages: int) -> list[float]:
    """Let a contestant process a new queue; return its rate and what a message costs it."""
    queue, file, queues = f"queue-{messages}", folder / "rate", Queues(azurite)
    file.unlink(missing_ok=True)
    queues.fill(queue, [str(number) for number in range(messages)])
    queues.close()
    environ = {"QUEUE_NAME": queue, "QUEUE_COUNT": str(messages), "QUEUE_RATE": str(file)}
    with running(CONTESTANTS[name], azurite, folder, **environ) as started:
        return wait_for_lines(file, started.process, 2)


def idle(azurite: Azurite, folder: Path, seconds: float, waits: int) -> Iterator[str]:
    """Return what an idle host costs, and how long a message waits for it."""
    queues, file = Queues(azurite), folder / "waits"
    queues.create(*(f"idle{number}" for number in range(TRIGGERS)))
    with running(hosting("idle_app"), azurite, folder, QUEUE_WAITS=str(file)) as started:
        queues.put("idle0", str(time.time()))
        wait_for_lines(file, started.process)
        time.sleep(min(seconds, 10))  # until the polling interval has grown
        before, begin = started.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        share = (started.cpu_seconds() - before) / (time.monotonic() - begin)
        yield f"idle host with {TRIGGERS} queue triggers: {share:.2%} of a core"
        for number in range(waits):
            time.sleep(random.uniform(4, 6) if seconds >= 10 else 0)
            queues.put(f"idle{number % TRIGGERS}", str(time.time()))
        waited = sorted(wait_for_lines(file, started.process, waits + 1)[1:])
    queues.close()
    yield f"a message waits for an idle host: median {median(waited):.2f} s, longest {waited[-1]:.2f} s"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Messages a second beside a hand-written loop, and an idle host.")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: 5)")
    parser.add_argument("--messages", type=int, default=2000, help="messages in a turn (default: 2000)")
    parser.add_argument("--seconds", type=float, default=30, help="how long the host is idle (default: 30)")
    parser.add_argument("--waits", type=int, default=20, help="messages sent to an idle host (default: 20)")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as name:
        for line in throughput(Path(name), options.rounds, options.messages):
            print(line, flush=True)
        with run_azurite(Path(name), "--inMemoryPersistence") as azurite:
            for line in idle(azurite, Path(name), options.seconds, options.waits):
                print(line, flush=True)


if __name__ == "__main__":
    main()
