"""Hosts that are killed while they work through a queue: nothing is lost, and what runs twice is counted.

Each repeat works through 2,000 messages while its hosts are killed at random moments. ``HOSTING_REPEATS`` says how
often that is done; the ordinary run does it twice, the whole proof twenty times.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from storage_support.apps import TIMEOUT_SECONDS, MakeApp, Serve
from storage_support.queues import Queues

from hosting_storage.testing import Azurite, run_azurite

MESSAGES = 2000
REPEATS = int(os.environ.get("HOSTING_REPEATS", "2"))
BATCH, THRESHOLD = 16, 16
HOST_JSON = f"""{{"version": "2.0", "extensions": {{"queues": {{
    "batchSize": {BATCH}, "newBatchThreshold": {THRESHOLD}, "maxDequeueCount": 100, "maxPollingInterval": "00:00:00.2"
}}}}}}"""
APP = """
import asyncio, os, random
import azure.functions as func
import hosting_storage.queues.listener

hosting_storage.queues.listener.LEASE_SECONDS = 4.0  # or what a killed host had would come back after ten minutes only
app = func.FunctionApp()
effects = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
async def work(message: str) -> None:
    await asyncio.sleep(random.uniform(0, 0.01))
    os.write(effects, f"{message}\\n".encode())
"""


@pytest.fixture
def azurite(tmp_path: Path) -> Iterator[Azurite]:
    """A new one: once a minute Azurite throws deleted messages away, and with thousands answers nobody meanwhile."""
    with run_azurite(tmp_path, "--inMemoryPersistence") as running:
        yield running


def recorded(effects: Path) -> list[str]:
    """The messages that were worked on, in this order."""
    return effects.read_text().split() if effects.exists() else []


def until(condition: Callable[[], bool], told: Callable[[], object]) -> None:
    end = time.monotonic() + 2 * TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.01)


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_nothing_is_lost_when_hosts_are_killed(
    azurite: Azurite,
    queues: Queues,
    make_app: MakeApp,
    serve: Serve,
    tmp_path: Path,
    repeat: int,
) -> None:
    """Each message is worked on, and not deleted before; twice only what a killed host had in its hands."""
    name, effects, kills = f"killed-{repeat}", tmp_path / "effects", random.randint(2, 5)
    queues.fill(name, [str(number) for number in range(MESSAGES)])
    app = make_app({"function_app.py": APP, "host.json": HOST_JSON})
    env = {"AzureWebJobsStorage": azurite.connection_string, "QUEUE": name, "EFFECTS": str(effects)}
    for _ in range(kills):
        served = serve(app, env=env)
        enough = len(recorded(effects)) + random.randint(1, MESSAGES // (kills + 1))
        until(lambda enough=enough: len(recorded(effects)) >= enough, served.logs)  # type: ignore[misc]
        time.sleep(random.uniform(0, 0.02))
        served.send(signal.SIGKILL)
        served.wait()
        worked_on = len(set(recorded(effects)))
        assert queues.left(name) >= MESSAGES - worked_on, "a message was deleted before it was worked on"
    served = serve(app, env=env)
    until(lambda: queues.left(name) == 0, served.logs)
    assert served.stop() == 0
    times = Counter(recorded(effects))
    assert set(times) == {str(number) for number in range(MESSAGES)}
    duplicates = sum(times.values()) - MESSAGES
    print(f"{kills} kills, {duplicates} messages worked on twice")  # pytest -rP shows it
    assert duplicates <= kills * (BATCH + THRESHOLD), "more ran twice than the killed hosts had in their hands"
    assert queues.left(f"{name}-poison") == 0
