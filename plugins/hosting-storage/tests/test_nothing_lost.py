"""Hosts that are killed while they process a queue: no message is lost, and those that run twice are counted.

Each repeat processes a queue while its hosts are killed at random moments. ``HOSTING_REPEATS`` is the number of
repeats: 20 for the whole proof, with 2,000 messages each; without it, one with 400.
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

REPEATS = int(os.environ.get("HOSTING_REPEATS", "1"))
MESSAGES = 2000 if REPEATS > 1 else 400
BATCH, THRESHOLD = 16, 16
HOST_JSON = f"""{{"version": "2.0", "extensions": {{"queues": {{
    "batchSize": {BATCH}, "newBatchThreshold": {THRESHOLD}, "maxDequeueCount": 100, "maxPollingInterval": "00:00:00.2"
}}}}}}"""
APP = """
import asyncio, os, random
import azure.functions as func
import hosting_storage.queues.listener

hosting_storage.queues.listener.LEASE_SECONDS = 4.0  # else the messages of a killed host return after ten minutes
app = func.FunctionApp()
effects = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
async def work(message: str) -> None:
    await asyncio.sleep(random.uniform(0, 0.01))
    os.write(effects, f"{message}\\n".encode())
"""


@pytest.fixture
def azurite(tmp_path: Path) -> Iterator[Azurite]:
    """A new Azurite: once a minute it discards deleted messages, and with thousands of them it blocks meanwhile."""
    with run_azurite(tmp_path, "--inMemoryPersistence") as running:
        yield running


def processed(effects: Path) -> list[str]:
    """Return the processed messages, in order."""
    return effects.read_text().split() if effects.exists() else []


def until(condition: Callable[[], bool], explain: Callable[[], object]) -> None:
    """Wait until a condition is true; a failure shows the result of ``explain``."""
    end = time.monotonic() + 2 * TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, explain()
        time.sleep(0.01)


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_queue_of_killed_hosts_loses_no_message(
    azurite: Azurite,
    queues: Queues,
    make_app: MakeApp,
    serve: Serve,
    tmp_path: Path,
    repeat: int,
) -> None:
    """No message is deleted before it is processed; only messages that a killed host had received run twice."""
    name, effects, kills = f"killed-{repeat}", tmp_path / "effects", random.randint(2, 5)
    queues.fill(name, [str(number) for number in range(MESSAGES)])
    app = make_app({"function_app.py": APP, "host.json": HOST_JSON})
    env = {"AzureWebJobsStorage": azurite.connection_string, "QUEUE": name, "EFFECTS": str(effects)}
    for _ in range(kills):
        server = serve(app, env=env)
        enough = len(processed(effects)) + random.randint(1, MESSAGES // (kills + 1))
        until(lambda enough=enough: len(processed(effects)) >= enough, server.logs)  # type: ignore[misc]
        time.sleep(random.uniform(0, 0.02))
        server.send(signal.SIGKILL)
        server.wait()
        processed_count = len(set(processed(effects)))
        assert queues.count(name) >= MESSAGES - processed_count, "a message was deleted before it was processed"
    server = serve(app, env=env)
    until(lambda: queues.count(name) == 0, server.logs)
    assert server.stop() == 0
    times = Counter(processed(effects))
    assert set(times) == {str(number) for number in range(MESSAGES)}
    duplicates = sum(times.values()) - MESSAGES
    print(f"{kills} kills, {duplicates} messages processed twice")  # pytest -rP shows it
    assert duplicates <= kills * (BATCH + THRESHOLD), "more messages ran twice than the killed hosts had received"
    assert queues.count(f"{name}-poison") == 0
