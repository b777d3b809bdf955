"""Blob triggers against a real Azurite: what runs for which blob, how often, and where the rest goes."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from azure.functions import InputStream
from storage_support.blob_hosts import OPTIONS, App, Host, counted, until
from storage_support.proxy import Fault, proxying
from storage_support.queues import Queues

from hosting_storage.blobs import handler
from hosting_storage.blobs.messages import POISON, BlobVersion, queue_name
from hosting_storage.blobs.paths import BlobPath
from hosting_storage.blobs.scan import Scan
from hosting_storage.queues import listener
from hosting_storage.queues.options import QueueOptions
from hosting_storage.shared import connections
from hosting_storage.testing import Azurite


@pytest.fixture
def app(azurite: Azurite) -> Iterator[App]:
    found = App(azurite)
    yield found
    found.blobs.close()


def test_each_version(app: App) -> None:
    """A function runs for every blob that is there, and once more whenever one is written again."""

    async def scenario() -> None:
        app.put("a", "one")
        host = Host(app)
        found = host.serve()
        async with host:
            await until(lambda: found.seen == [b"one"])
            app.put("b", "two")
            await until(lambda: len(found.seen) == 2)
            app.put("a", "three")
            await until(lambda: len(found.seen) == 3)
            await asyncio.sleep(0.5)
        assert found.seen == [b"one", b"two", b"three"]

    asyncio.run(scenario())


def test_stream(app: App) -> None:
    """Without an annotation, a function gets an InputStream with name, length, address, properties and metadata."""

    async def scenario() -> None:
        app.put("in/ä b%.txt", "grün", author="Anna")
        host = Host(app)
        found = host.serve(path="in/{name}.{ext}", annotation=None)
        async with host:
            await until(lambda: found.seen)
        stream: Any = found.seen[0]
        assert stream.read() == "grün".encode()
        assert (stream.name, stream.length) == (f"{app.container}/in/ä b%.txt", 5)
        assert str(stream.uri).endswith(f"/{app.container}/in/%C3%A4%20b%25.txt")
        assert stream.metadata == {"author": "Anna"}
        assert stream.blob_properties["ContentLength"] == 5
        assert stream.blob_properties["ContentType"] == "application/octet-stream"
        assert isinstance(stream, InputStream)

    asyncio.run(scenario())


def test_text(app: App) -> None:
    """A parameter annotated ``str`` is the text, without a byte order mark."""

    async def scenario() -> None:
        app.put("a", "\ufeffgrün")
        host = Host(app)
        found = host.serve(annotation=str)
        async with host:
            await until(lambda: found.seen)
        assert found.seen == ["grün"]

    asyncio.run(scenario())


def test_binding_data(app: App) -> None:
    """Other bindings may use the path, the address, properties, metadata, and the tokens of the pattern."""

    async def scenario() -> None:
        app.put("in/a.b.txt", "x", author="Anna")
        host = Host(app)
        found = host.serve(path="in/{name}.{ext}")
        async with host:
            await until(lambda: found.seen)
        data = found.data[0]
        assert (data["name"], data["ext"]) == ("a.b", "txt")
        assert data["blobTrigger"] == f"{app.container}/in/a.b.txt"
        assert str(data["uri"]).endswith("/in/a.b.txt")
        assert data["metadata"] == {"author": "Anna"}
        assert data["properties"]["ContentLength"] == 1

    asyncio.run(scenario())


def test_log(app: App) -> None:
    """Why a function runs is told in the words of Azure's host."""

    async def scenario() -> None:
        app.put("a")
        host = Host(app)
        found = host.serve()
        async with host:
            await until(lambda: found.seen)
        ((reason, details),) = found.told
        assert reason == f"New blob detected(LogsAndContainerScan): {app.container}/a"
        time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+00:00"
        assert re.fullmatch(
            rf"MessageId: [\w-]+, DequeueCount: 1, InsertedOn: {time}, BlobCreated: {time}, BlobLastModified: {time}",
            details,
        )

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["a b", "日本/語.txt", "%2F%", "a+b&c=d?e#f", "x" * 1024, "a//b", "[x]{y}", "ä'\""])
def test_odd_names(app: App, name: str) -> None:
    """Whatever a blob is called, its function runs, and knows its name."""

    async def scenario() -> None:
        app.put(name, "x")
        host = Host(app)
        found = host.serve(annotation=None)
        async with host:
            await until(lambda: found.seen)
        assert found.seen[0].name == f"{app.container}/{name}"
        assert found.data[0]["name"] == name

    asyncio.run(scenario())


def test_two_functions(app: App) -> None:
    """Each function gets the blobs that its own path matches."""

    async def scenario() -> None:
        app.put("a.txt", "1")
        app.put("b.png", "2")
        host = Host(app)
        texts, every = host.serve("Texts", "{name}.txt"), host.serve("Every", "")
        async with host:
            await until(lambda: len(texts.seen) == 1 and len(every.seen) == 2)
            await asyncio.sleep(0.3)
        assert (texts.seen, sorted(every.seen)) == ([b"1"], [b"1", b"2"])

    asyncio.run(scenario())


def test_restart(app: App) -> None:
    """A host that comes back runs what is new, and nothing for a second time."""

    async def scenario() -> None:
        app.put("a", "1")
        for number in (1, 2, 3):
            host = Host(app)
            found = host.serve()
            async with host:
                await until(partial(bool, found.seen))
                await asyncio.sleep(0.3)
            assert found.seen == [str(number).encode()]
            app.put("b", str(number + 1))

    asyncio.run(scenario())


def test_two_hosts(app: App) -> None:
    """Two hosts share the work, each version runs once, and only one of them looks at the container."""
    looks: Counter[int] = Counter()
    real = Scan.round

    async def counted_round(scan: Scan, *arguments: Any) -> None:
        looks[id(scan)] += 1
        await real(scan, *arguments)

    async def scenario() -> None:
        first, second = Host(app), Host(app)
        found = (first.serve(), second.serve())

        async def both_have_a_blob() -> None:
            await until(lambda: all(each.started for each in found))

        for each in found:
            each.before = both_have_a_blob
        async with first, second:
            for number in range(60):
                app.put(f"{number}", f"{number}")
            await until(lambda: len(counted(*found)) == 60)
            await asyncio.sleep(0.5)
            assert len(looks) == 1  # the host that ends last may take over
        assert set(counted(*found).values()) == {1}
        assert all(each.seen for each in found)

    with patch.object(Scan, "round", counted_round):
        asyncio.run(scenario())


def test_the_other_host_takes_over(app: App) -> None:
    """When the host that looks at the container ends, another one does."""

    async def scenario() -> None:
        first, second = Host(app), Host(app)
        one, other = first.serve(), second.serve()
        async with first:
            app.put("a", "1")
            await until(lambda: one.seen)
            await second.__aenter__()
        try:
            app.put("b", "2")
            await until(lambda: other.seen)
        finally:
            await second.__aexit__()
        assert counted(one, other) == {b"1": 1, b"2": 1}

    asyncio.run(scenario())


def test_poison(app: App, queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    """After five failures the message goes to the poison queue, in the form of Azure's host; others are not touched."""

    async def scenario() -> None:
        etag = app.put("bad", "bad")
        app.put("good", "good")
        host = Host(app)
        found = host.serve()
        found.fails = lambda value: value == b"bad"
        queues.make(POISON)
        async with host:
            await until(lambda: queues.left(POISON))
            await asyncio.sleep(0.3)
        assert counted(found) == {b"bad": 5, b"good": 1}
        (text,) = queues.seen(POISON)
        version = BlobVersion("Host.Functions.F", BlobPath(app.container, "bad"), etag)
        assert json.loads(text) == json.loads(version.text())
        assert f"Message has reached MaxDequeueCount of 5. Moving message to queue '{POISON}'." in caplog.messages

    asyncio.run(scenario())


def test_blob_that_is_gone(app: App, queues: Queues) -> None:
    """Nothing runs for a blob that was deleted meanwhile, and its message is dropped."""

    async def scenario() -> None:
        host = Host(app)
        found = host.serve()
        async with host:
            version = BlobVersion("Host.Functions.F", BlobPath(app.container, "gone"), '"0x1"')
            assert await host.listener.announcer.announce(version)
            await until(lambda: queues.left(queue_name(app.host_id)) == 0)
        assert found.seen == []

    asyncio.run(scenario())


def test_blob_that_was_written_again(app: App) -> None:
    """A blob that was written again before its function ran is run for once, as it is now."""

    async def scenario() -> None:
        app.put("a", "now")
        host = Host(app)
        found = host.serve()
        async with host:
            version = BlobVersion("Host.Functions.F", BlobPath(app.container, "a"), '"0x1"')
            assert await host.listener.announcer.announce(version)
            await until(lambda: found.seen)
            await asyncio.sleep(0.5)
        assert found.seen == [b"now"]

    asyncio.run(scenario())


def test_folders(app: App, queues: Queues) -> None:
    """What stands for a folder, in accounts that have folders, is no blob to run for."""

    async def scenario() -> None:
        app.put("folder", hdi_isfolder="true")
        app.put("x", "x")
        host = Host(app)
        found = host.serve()
        async with host:
            await until(lambda: found.seen)
            await until(lambda: queues.left(queue_name(app.host_id)) == 0)
        assert found.seen == [b"x"]

    asyncio.run(scenario())


def test_function_that_runs_elsewhere(app: App) -> None:
    """A host that does not run a function leaves its blobs to those that do."""

    async def scenario() -> None:
        host = Host(app)
        found = host.serve("Here")
        app.put("a", "1")
        async with host:
            version = BlobVersion("Host.Functions.There", BlobPath(app.container, "a"), '"0x1"')
            assert await host.listener.announcer.announce(version)
            await until(lambda: found.seen)
            await asyncio.sleep(0.5)
        other = Host(app)
        there = other.serve("There", "elsewhere/{name}")
        async with other:
            await until(lambda: there.seen)
        assert there.seen == [b"1"]

    with patch.object(handler, "_RETURN_SECONDS", 1):
        asyncio.run(scenario())


def test_junk(app: App, queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    """What is no message of ours is set aside as poison, and said."""

    async def scenario() -> None:
        queues.make(POISON)
        queues.put(queue_name(app.host_id), "nonsense")
        host = Host(app)
        host.serve()
        async with host:
            await until(lambda: queues.left(POISON))
        assert queues.seen(POISON) == ["nonsense"]
        assert "not a message of a blob trigger" in caplog.text

    asyncio.run(scenario())


@pytest.mark.parametrize("at_once", [1, 3])
def test_at_once(app: App, at_once: int) -> None:
    """No more blobs are worked on at the same time than host.json allows."""
    running: list[int] = [0]
    most: list[int] = [0]

    async def work() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0.05)
        running[0] -= 1

    async def scenario() -> None:
        for number in range(12):
            app.put(f"{number}", f"{number}")
        batch = (at_once + 1) // 2
        host = Host(app, OPTIONS._replace(queue=QueueOptions(batch, at_once - batch, max_polling_interval=0.2)))
        found = host.serve()
        found.before = work
        async with host:
            await until(lambda: len(found.seen) == 12)
        assert 0 < most[0] <= at_once

    asyncio.run(scenario())


def test_storage_that_goes_away(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """Storage that cannot be reached is told of once with what to do, and once when it is back; nothing is lost."""
    caplog.set_level(logging.WARNING)
    app.environ["AzureWebJobsStorage"] = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", app.environ["AzureWebJobsStorage"])

    async def scenario() -> None:
        host = Host(app)
        host.serve()
        async with host:
            await until(lambda: "Is Azurite running" in caplog.text)

    asyncio.run(scenario())


def test_storage_that_misbehaves(app: App, azurite: Azurite) -> None:
    """Errors, connections that are cut and answers that are lost lose no blob; what ran twice is bounded by them."""
    chance = random.Random(7)
    faults: list[Fault] = []

    def moody(method: str, path: str) -> Fault:
        if chance.random() > 0.1:
            return "none"
        faults.append(chance.choice(["error", "hang up", "lose the answer"]))
        return faults[-1]

    async def scenario() -> None:
        for number in range(40):
            app.put(f"{number}", f"{number}")
        host = Host(app)
        found = host.serve()
        async with host:
            await until(lambda: len(counted(found)) == 40)
        assert counted(found).total() - 40 <= len(faults)

    quick = {"retry_total": 3, "initial_backoff": 0.05, "increment_base": 1, "random_jitter_range": 0.05}
    with proxying(azurite.ports["Blob"]) as blobs, proxying(azurite.ports["Queue"]) as queues:
        app.environ["AzureWebJobsStorage"] = azurite.through(Blob=blobs.port, Queue=queues.port)
        blobs.mood = queues.mood = moody
        # A request for messages whose answer is lost has taken them all the same.
        with patch.object(connections, "_RETRIES", quick), patch.object(listener, "LEASE_SECONDS", 2.0):
            asyncio.run(scenario())
    assert len(faults) > 10
