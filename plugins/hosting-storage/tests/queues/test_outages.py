"""A listener during an outage of its storage, or whose messages another host has."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest
from storage_support.apps import TIMEOUT_SECONDS
from storage_support.listeners import Listeners, RecordingHandler, fail_after_timeout, until
from storage_support.proxy import Fault, run_proxy
from storage_support.queues import Queues

from hosting_storage.queues.leased_message import LeasedMessage
from hosting_storage.queues.messages import Message, received, send
from hosting_storage.queues.options import QueueOptions
from hosting_storage.testing import Azurite


@pytest.mark.parametrize("action", ["delete", "receive"])
async def test_message_lost_to_another_host_is_logged_and_the_listener_goes_on(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture, action: str
) -> None:
    """A message that another host deleted or received is logged, and the next ones are handled."""
    queues.put(name, "stolen")

    async with Listeners(azurite, name) as listeners:

        async def steal(message: Message) -> bool:
            if message.text == "stolen" and action == "delete":
                await listeners.queue.delete_message(message.id, message.pop_receipt)
            elif message.text == "stolen":
                await listeners.queue.update_message(message.id, message.pop_receipt, visibility_timeout=3600)
            return True

        listeners.start(steal)
        await until(lambda: "before this host had finished" in caplog.text)
        await asyncio.to_thread(queues.put, name, "next")
        await until(lambda: queues.count(name) == (action == "receive"))


async def test_renewal_of_a_deleted_message_ends(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that its own function deletes is not renewed again, and the function goes on."""
    queues.put(name, "mine")

    async with Listeners(azurite, name) as listeners:

        async def delete(message: Message) -> bool:
            await listeners.queue.delete_message(message.id, message.pop_receipt)
            await until(lambda: "which may process it as well" in caplog.text)
            return True

        listeners.start(delete, lease_seconds=1)
        await until(lambda: "before this host had finished" in caplog.text)


async def test_renewal_in_progress_at_the_end_is_the_last(azurite: Azurite, queues: Queues, name: str) -> None:
    """A renewal in progress when the function ends gives the receipt for the deletion, and is the last."""
    queues.put(name, "mine")
    ended = threading.Event()

    def slow_renewals(method: str, path: str) -> Fault:
        if method == "PUT":
            ended.wait(TIMEOUT_SECONDS)
        return "none"

    with run_proxy(azurite.ports["Queue"]) as proxy:
        proxy.select_fault = slow_renewals
        async with Listeners(azurite, name, proxy.port) as listeners:
            received_message = await listeners.queue.receive_message(visibility_timeout=60)
            assert received_message is not None
            message = LeasedMessage(listeners.queue, received(received_message, "base64"), lease_seconds=1)
            message.start_renewing()
            await until(lambda: any(method == "PUT" for method, _ in proxy.requests))
            ended.set()
            await message.stop_renewing()
            await asyncio.sleep(1)  # long enough for another renewal
            assert [method for method, _ in proxy.requests] == ["GET", "PUT"]
            await message.delete()
    assert queues.count(name) == 0


@pytest.mark.parametrize(("fault", "text"), [("error", "could not be released"), ("hang", "does not respond")])
async def test_close_without_responding_storage_ends_in_a_few_seconds(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture, fault: Fault, text: str
) -> None:
    """Storage that does not respond delays the end by a few seconds only, and that is logged."""
    queues.put(name, "stuck")

    with run_proxy(azurite.ports["Queue"]) as proxy:
        async with Listeners(azurite, name, proxy.port) as listeners:
            handler = RecordingHandler(is_waiting=True)
            listener = listeners.start(handler)
            await until(lambda: handler.messages)
            proxy.always(fault)
            async with fail_after_timeout():
                await listener.close()
    assert text in caplog.text


async def test_close_with_a_function_that_ignores_cancellation_names_the_function(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that delays the end is named in the log, not the storage."""
    monkeypatch.setattr("hosting_storage.queues.listener._CLOSE_SECONDS", 0.1)
    queues.put(name, "stubborn")

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler(is_waiting=True)

        async def ignore_cancellation(message: Message) -> bool:
            with suppress(asyncio.CancelledError):
                return await handler(message)
            return await handler(message)

        listener = listeners.start(ignore_cancellation)
        await until(lambda: handler.messages)
        await listener.close()
    assert f"Queue '{name}' has a function that ignores its cancellation" in caplog.text


@pytest.mark.parametrize("fault", ["error", "hang up", "lose the response"])
async def test_outage_of_a_queue_and_its_end_are_logged_once(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    """An outage is logged once, its end is logged once, and then messages are received."""
    queues.create(name)

    with run_proxy(azurite.ports["Queue"]) as proxy:
        proxy.always(fault)
        async with Listeners(azurite, name, proxy.port) as listeners:
            handler = RecordingHandler()
            listeners.start(handler)
            await until(lambda: len(proxy.requests) > 3)
            await asyncio.to_thread(queues.put, name, "patient")
            proxy.always("none")
            if fault != "lose the response":  # else its response may be lost, and it returns in ten minutes
                await until(lambda: handler.messages)
            await until(lambda: "responds again" in caplog.text)
    assert caplog.text.count("cannot be used") == 1
    assert caplog.text.count("responds again") == 1


async def test_message_whose_deletion_fails_is_deleted_later(azurite: Azurite, queues: Queues, name: str) -> None:
    """A message whose deletion fails is deleted later, while it is leased, and is not handled again."""
    queues.put(name, "done")

    def fail_deletions(method: str, path: str) -> Fault:
        return "error" if method == "DELETE" else "none"

    with run_proxy(azurite.ports["Queue"]) as proxy:
        proxy.select_fault = fail_deletions
        async with Listeners(azurite, name, proxy.port) as listeners:
            handler = RecordingHandler()
            listeners.start(handler)
            await until(lambda: sum(method == "DELETE" for method, _ in proxy.requests) > 1)
            proxy.always("none")
            await until(lambda: queues.count(name) == 0)
            assert len(handler.messages) == 1


async def test_poison_message_is_deleted_only_after_the_poison_queue_has_it(
    azurite: Azurite, queues: Queues, name: str
) -> None:
    """A poison message is deleted only after it is in the poison queue."""
    queues.put(name, "bad")

    def fail_poison_queue(method: str, path: str) -> Fault:
        return "error" if "-poison" in path else "none"

    with run_proxy(azurite.ports["Queue"]) as proxy:
        proxy.select_fault = fail_poison_queue
        async with Listeners(azurite, name, proxy.port) as listeners:
            handler = RecordingHandler(outcome=False)
            listeners.start(handler, QueueOptions(max_dequeue_count=1, max_polling_interval=0.1))
            await until(lambda: any("-poison" in path for _, path in proxy.requests))
            assert queues.count(name) == 1
            proxy.always("none")
            await until(lambda: queues.count(name) == 0)
            assert queues.visible(f"{name}-poison") == ["bad"]


async def test_proxy_without_faults_forwards_requests(azurite: Azurite, queues: Queues, name: str) -> None:
    """The proxy of these tests forwards requests unless it is set to a fault."""
    with run_proxy(azurite.ports["Queue"]) as proxy:
        async with Listeners(azurite, name, proxy.port) as listeners:
            await send(listeners.queue, "YQ==")
    assert queues.visible(name) == ["a"]
    assert {method for method, _ in proxy.requests} == {"POST", "PUT"}


async def test_queue_created_by_several_senders_at_once_is_not_an_error(
    azurite: Azurite, queues: Queues, name: str
) -> None:
    """Several senders to a queue that does not exist all succeed."""
    async with Listeners(azurite, name) as listeners:
        await asyncio.gather(*(send(listeners.queue, "YQ==") for _ in range(8)))
    assert queues.count(name) == 8
