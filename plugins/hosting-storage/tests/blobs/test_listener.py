"""Blob triggers against a real Azurite: which function runs for which blob, how often, and poison messages."""

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
from storage_support.blob_hosts import OPTIONS, App, Host, count_values, run_last_blob, until
from storage_support.proxy import Fault, run_proxy
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
    app = App(azurite)
    yield app
    app.blobs.close()


async def test_blob_runs_once_for_each_version(app: App) -> None:
    """A function runs for every existing blob, and again when one is written again."""
    app.put("a", "one")
    host = Host(app)
    recorder = host.serve()
    async with host:
        await until(lambda: recorder.values == [b"one"])
        app.put("b", "two")
        await until(lambda: len(recorder.values) == 2)
        app.put("a", "three")
        await until(lambda: len(recorder.values) == 3)
        await run_last_blob(app, recorder)
    assert recorder.values == [b"one", b"two", b"three"]


async def test_parameter_without_annotation_receives_an_input_stream(app: App) -> None:
    """Without an annotation, a function receives an InputStream with name, length, URI, properties and metadata."""
    app.put("in/ä b%.txt", "grün", author="Anna")
    host = Host(app)
    recorder = host.serve(path="in/{name}.{ext}", annotation=None)
    async with host:
        await until(lambda: recorder.values)
    stream: Any = recorder.values[0]
    assert stream.read() == "grün".encode()
    assert (stream.name, stream.length) == (f"{app.container}/in/ä b%.txt", 5)
    assert str(stream.uri).endswith(f"/{app.container}/in/%C3%A4%20b%25.txt")
    assert stream.metadata == {"author": "Anna"}
    assert stream.blob_properties["ContentLength"] == 5
    assert stream.blob_properties["ContentType"] == "application/octet-stream"
    assert isinstance(stream, InputStream)


async def test_str_parameter_receives_the_text_without_a_byte_order_mark(app: App) -> None:
    """A parameter annotated ``str`` receives the text, without a byte order mark."""
    app.put("a", "\ufeffgrün")
    host = Host(app)
    recorder = host.serve(annotation=str)
    async with host:
        await until(lambda: recorder.values)
    assert recorder.values == ["grün"]


async def test_binding_data_has_path_uri_properties_metadata_and_tokens(app: App) -> None:
    """Other bindings can use the path, the URI, properties, metadata, and the tokens of the pattern."""
    app.put("in/a.b.txt", "x", author="Anna")
    host = Host(app)
    recorder = host.serve(path="in/{name}.{ext}")
    async with host:
        await until(lambda: recorder.values)
    data = recorder.data[0]
    assert (data["name"], data["ext"]) == ("a.b", "txt")
    assert data["blobTrigger"] == f"{app.container}/in/a.b.txt"
    assert str(data["uri"]).endswith("/in/a.b.txt")
    assert data["metadata"] == {"author": "Anna"}
    assert data["properties"]["ContentLength"] == 1


async def test_invocation_log_of_a_blob_has_the_words_of_azure(app: App) -> None:
    """The reason and the details of an invocation are in the words of Azure's host."""
    app.put("a")
    host = Host(app)
    recorder = host.serve()
    async with host:
        await until(lambda: recorder.values)
    ((reason, details),) = recorder.reasons
    assert reason == f"New blob detected(LogsAndContainerScan): {app.container}/a"
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+00:00"
    assert re.fullmatch(
        rf"MessageId: [\w-]+, DequeueCount: 1, InsertedOn: {time}, BlobCreated: {time}, BlobLastModified: {time}",
        details,
    )


@pytest.mark.parametrize("name", ["a b", "日本/語.txt", "%2F%", "a+b&c=d?e#f", "x" * 1024, "a//b", "[x]{y}", "ä'\""])
async def test_blob_with_an_unusual_name_runs_with_that_name(app: App, name: str) -> None:
    """A function runs for a blob with any valid name, and receives the name."""
    app.put(name, "x")
    host = Host(app)
    recorder = host.serve(annotation=None)
    async with host:
        await until(lambda: recorder.values)
    assert recorder.values[0].name == f"{app.container}/{name}"
    assert recorder.data[0]["name"] == name


async def test_blob_runs_for_the_functions_whose_path_matches(app: App) -> None:
    """Each function receives the blobs that its own path matches."""
    app.put("a.txt", "1")
    app.put("b.png", "2")
    host = Host(app)
    texts, every = host.serve("Texts", "{name}.txt"), host.serve("Every", "")
    async with host:
        await until(lambda: len(texts.values) == 1 and len(every.values) == 2)
        await run_last_blob(app, texts, every)
    assert (texts.values, sorted(every.values)) == ([b"1"], [b"1", b"2"])


async def test_listener_after_a_restart_runs_only_new_versions(app: App) -> None:
    """A restarted host runs new versions, and none a second time."""
    app.put("a", "1")
    for number in (1, 2, 3):
        host = Host(app)
        recorder = host.serve()
        async with host:
            await until(partial(bool, recorder.values))
            await run_last_blob(app, recorder)
        assert recorder.values == [str(number).encode()]
        app.put("b", str(number + 1))


async def test_two_hosts_share_the_blobs_and_one_scans(app: App) -> None:
    """Two hosts share the blobs, each version runs once, and only one of them scans the container."""
    rounds: Counter[int] = Counter()
    real = Scan.round

    async def count_round(scan: Scan, *arguments: Any) -> None:
        rounds[id(scan)] += 1
        await real(scan, *arguments)

    with patch.object(Scan, "round", count_round):
        first, second = Host(app), Host(app)
        recorders = (first.serve(), second.serve())

        async def both_have_a_blob() -> None:
            await until(lambda: all(each.started for each in recorders))

        for each in recorders:
            each.before = both_have_a_blob
        async with first, second:
            for number in range(60):
                app.put(f"{number}", f"{number}")
            await until(lambda: len(count_values(*recorders)) == 60)
            (scan,) = rounds
            until_round = rounds[scan] + 2
            await until(lambda: rounds[scan] >= until_round)
            assert len(rounds) == 1  # the host that stops last may scan as well
        assert set(count_values(*recorders).values()) == {1}
        assert all(each.values for each in recorders)


async def test_host_scans_after_the_scanning_host_ends(app: App) -> None:
    """When the host that scans the container ends, the other one does."""
    first, second = Host(app), Host(app)
    one, other = first.serve(), second.serve()
    async with first:
        app.put("a", "1")
        await until(lambda: one.values)
        await second.__aenter__()
    try:
        app.put("b", "2")
        await until(lambda: other.values)
    finally:
        await second.__aexit__()
    assert count_values(one, other) == {b"1": 1, b"2": 1}


async def test_blob_that_fails_five_times_becomes_poison(
    app: App, queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    """After five failures a message goes to the poison queue, in the form of Azure's host; others are unaffected."""
    etag = app.put("bad", "bad")
    app.put("good", "good")
    host = Host(app)
    recorder = host.serve()
    recorder.fails = lambda value: value == b"bad"
    queues.create(POISON)
    async with host:
        await until(lambda: queues.count(POISON))
        await run_last_blob(app, recorder)
    assert count_values(recorder) == {b"bad": 5, b"good": 1}
    (text,) = queues.visible(POISON)
    version = BlobVersion("Host.Functions.F", BlobPath(app.container, "bad"), etag)
    assert json.loads(text) == json.loads(version.text())
    assert f"Message has reached MaxDequeueCount of 5. Moving message to queue '{POISON}'." in caplog.messages


async def test_blob_deleted_before_its_invocation_does_not_run(app: App, queues: Queues) -> None:
    """A blob that was deleted after its announcement does not run, and its message is deleted."""
    host = Host(app)
    recorder = host.serve()
    async with host:
        version = BlobVersion("Host.Functions.F", BlobPath(app.container, "gone"), '"0x1"')
        assert await host.listener.announcer.announce(version)
        await until(lambda: queues.count(queue_name(app.host_id)) == 0)
    assert recorder.values == []


async def test_blob_rewritten_before_its_invocation_runs_once(app: App) -> None:
    """A blob that was written again before its function ran runs once, with its new content."""
    app.put("a", "now")
    host = Host(app)
    recorder = host.serve()
    async with host:
        version = BlobVersion("Host.Functions.F", BlobPath(app.container, "a"), '"0x1"')
        assert await host.listener.announcer.announce(version)
        await until(lambda: recorder.values)
        await run_last_blob(app, recorder)
    assert recorder.values == [b"now"]


async def test_blob_that_stands_for_a_folder_does_not_run(app: App, queues: Queues) -> None:
    """The blob of a folder, in accounts with hierarchical names, does not run."""
    app.put("folder", hdi_isfolder="true")
    app.put("x", "x")
    host = Host(app)
    recorder = host.serve()
    async with host:
        await until(lambda: recorder.values)
        await until(lambda: queues.count(queue_name(app.host_id)) == 0)
    assert recorder.values == [b"x"]


async def test_message_for_a_function_of_another_host_is_left_to_it(app: App) -> None:
    """A host without a function leaves its blobs to hosts that run it."""
    with patch.object(handler, "_RETURN_SECONDS", 1):
        host = Host(app)
        recorder = host.serve("Here")
        app.put("a", "1")
        async with host:
            version = BlobVersion("Host.Functions.There", BlobPath(app.container, "a"), '"0x1"')
            assert await host.listener.announcer.announce(version)
            await until(lambda: recorder.values)
            await asyncio.sleep(0.5)
        other = Host(app)
        there = other.serve("There", "elsewhere/{name}")
        async with other:
            await until(lambda: there.values)
        assert there.values == [b"1"]


async def test_message_that_is_not_of_a_blob_trigger_becomes_poison(
    app: App, queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    """A message in another form becomes poison, and that is logged."""
    queues.create(POISON)
    queues.put(queue_name(app.host_id), "nonsense")
    host = Host(app)
    host.serve()
    async with host:
        await until(lambda: queues.count(POISON))
    assert queues.visible(POISON) == ["nonsense"]
    assert "not a message of a blob trigger" in caplog.text


@pytest.mark.parametrize("at_once", [1, 3])
async def test_concurrent_blobs_never_exceed_the_limit_of_host_json(app: App, at_once: int) -> None:
    """No more blobs run at the same time than host.json allows."""
    running: list[int] = [0]
    max_running: list[int] = [0]

    async def work() -> None:
        running[0] += 1
        max_running[0] = max(max_running[0], running[0])
        await asyncio.sleep(0.05)
        running[0] -= 1

    for number in range(12):
        app.put(f"{number}", f"{number}")
    batch = (at_once + 1) // 2
    host = Host(app, OPTIONS._replace(queue=QueueOptions(batch, at_once - batch, max_polling_interval=0.2)))
    recorder = host.serve()
    recorder.before = work
    async with host:
        await until(lambda: len(recorder.values) == 12)
    assert 0 < max_running[0] <= at_once


async def test_unreachable_blob_storage_is_logged_with_a_remedy(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """Storage that cannot be reached is logged with a remedy."""
    caplog.set_level(logging.WARNING)
    app.environ["AzureWebJobsStorage"] = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", app.environ["AzureWebJobsStorage"])

    host = Host(app)
    host.serve()
    async with host:
        await until(lambda: "Is Azurite running" in caplog.text)


async def test_blobs_with_failing_requests_are_not_lost(app: App, azurite: Azurite) -> None:
    """Errors, closed connections and lost responses lose no blob; they bound how many run twice."""
    generator = random.Random(7)
    faults: list[Fault] = []

    def fail_at_random(method: str, path: str) -> Fault:
        if generator.random() > 0.1:
            return "none"
        faults.append(generator.choice(["error", "hang up", "lose the response"]))
        return faults[-1]

    quick = {"retry_total": 3, "initial_backoff": 0.05, "increment_base": 1, "random_jitter_range": 0.05}
    with run_proxy(azurite.ports["Blob"]) as blobs, run_proxy(azurite.ports["Queue"]) as queues:
        app.environ["AzureWebJobsStorage"] = azurite.through(Blob=blobs.port, Queue=queues.port)
        blobs.select_fault = queues.select_fault = fail_at_random
        # A request for messages whose response is lost has received them all the same.
        with patch.object(connections, "_RETRIES", quick), patch.object(listener, "LEASE_SECONDS", 2.0):
            for number in range(40):
                app.put(f"{number}", f"{number}")
            host = Host(app)
            recorder = host.serve()
            async with host:
                await until(lambda: len(count_values(recorder)) == 40)
            assert count_values(recorder).total() - 40 <= len(faults)
    assert len(faults) > 10
