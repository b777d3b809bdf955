"""A listener on a queue of a real Azurite: which messages it receives, when, and what happens to them."""

from __future__ import annotations

import asyncio
import logging

import pytest
from storage_support.listeners import Listeners, RecordingHandler, until
from storage_support.proxy import Proxy, run_proxy
from storage_support.queues import Queues

from hosting_storage.queues.listener import QueueListener
from hosting_storage.queues.options import QueueOptions
from hosting_storage.testing import Azurite


async def test_message_is_deleted_after_its_handler_succeeded(azurite: Azurite, queues: Queues, name: str) -> None:
    """A message stays in the queue, invisible, while its handler runs, and is deleted after it succeeded."""
    queues.put(name, "grüße")

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler(is_waiting=True)
        listeners.start(handler)
        await until(lambda: handler.messages)
        assert (queues.count(name), queues.visible(name)) == (1, [])
        handler.permits.release()
        await until(lambda: queues.count(name) == 0)
        (message,) = handler.messages
        assert (message.body, message.dequeue_count) == ("grüße".encode(), 1)
        assert message.inserted_on is not None
        assert message.expires_on is not None


@pytest.mark.parametrize("outcome", [False, ValueError("no")], ids=["false", "raising"])
async def test_message_that_fails_too_often_moves_to_the_poison_queue(
    azurite: Azurite, queues: Queues, name: str, outcome: object
) -> None:
    """A message that fails is received again up to the maximum; then it is in the poison queue."""
    queues.put(name, "bad")

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler(outcome)
        listeners.start(handler, QueueOptions(max_dequeue_count=3, max_polling_interval=0.1))
        await until(lambda: queues.count(f"{name}-poison") == 1 and queues.count(name) == 0)
        assert [message.dequeue_count for message in handler.messages] == [1, 2, 3]
        assert queues.visible(f"{name}-poison") == ["bad"]


async def test_failed_message_stays_invisible_for_the_visibility_timeout(
    azurite: Azurite, queues: Queues, name: str
) -> None:
    """With a visibility timeout, a message that failed stays invisible; others are handled meanwhile."""
    queues.put(name, "bad")

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler(outcome=False)
        listeners.start(handler, QueueOptions(visibility_timeout=3600, max_polling_interval=0.1))
        await until(lambda: handler.messages)
        await asyncio.to_thread(queues.put, name, "next")
        await until(lambda: len(handler.messages) == 2)
        assert handler.texts == ["bad", "next"]
        assert (queues.count(name), queues.visible(name)) == (2, [])


async def test_message_received_too_often_becomes_poison_without_another_try(
    azurite: Azurite, queues: Queues, name: str
) -> None:
    """A message that stopped its host as often as it may fail becomes poison without another try."""
    queues.put(name, "deadly")

    async with Listeners(azurite, name) as listeners:
        received_message = await listeners.queue.receive_message(visibility_timeout=1)
        assert received_message is not None
        await listeners.queue.update_message(received_message.id, received_message.pop_receipt, visibility_timeout=0)
        handler = RecordingHandler()
        listeners.start(handler, QueueOptions(max_dequeue_count=1, max_polling_interval=0.1))
        await until(lambda: queues.visible(f"{name}-poison") == ["deadly"] and queues.count(name) == 0)
        assert handler.messages == []


async def test_failed_message_of_a_poison_queue_is_retried_after_its_lease(
    azurite: Azurite, queues: Queues, name: str
) -> None:
    """In a poison queue, a message that fails stays invisible until its lease ends, and is then retried."""
    queues.put(name, "bad")

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler(outcome=False)
        options = QueueOptions(max_dequeue_count=1, max_polling_interval=0.1)
        listeners.start(handler, options, poison=None, lease_seconds=1)
        await until(lambda: len(handler.messages) >= 3)
        assert [message.dequeue_count for message in handler.messages[:3]] == [1, 2, 3]


async def test_message_that_is_not_base64_becomes_poison_unchanged(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that cannot be decoded becomes poison at once, unchanged, and the log names the setting."""
    queues.put_raw(name, "not Base64! <&>")

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler()
        listeners.start(handler)
        await until(lambda: queues.visible_raw(f"{name}-poison") == ["not Base64! <&>"] and queues.count(name) == 0)
        assert handler.messages == []
    assert "is not Base64" in caplog.text
    assert "extensions.queues.messageEncoding" in caplog.text


async def test_listener_without_encoding_receives_any_text(azurite: Azurite, queues: Queues, name: str) -> None:
    """With ``none``, texts are received as they are."""
    queues.put_raw(name, "not Base64! <&> ü")

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler()
        listeners.start(handler, QueueOptions(message_encoding="none", max_polling_interval=0.1))
        await until(lambda: queues.count(name) == 0)
        assert handler.texts == ["not Base64! <&> ü"]


async def test_listener_receives_the_next_batch_at_the_threshold(azurite: Azurite, queues: Queues, name: str) -> None:
    """A batch at once, the next at the threshold; so batch plus threshold is the maximum, as in Azure."""
    queues.put(name, *(str(number) for number in range(12)))

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler(is_waiting=True)
        listeners.start(handler, QueueOptions(batch_size=4, new_batch_threshold=2, max_polling_interval=0.1))
        await until(lambda: handler.running == 4)
        handler.permits.release()
        await until(lambda: queues.count(name) == 11)
        await asyncio.sleep(0.3)  # long enough for another batch
        assert handler.running == 3
        handler.permits.release()
        await until(lambda: handler.running == 6)
        for _ in range(10):
            handler.permits.release()
        await until(lambda: queues.count(name) == 0)
        assert handler.max_running == 6


async def test_listener_with_batches_of_one_handles_one_message_at_a_time(
    azurite: Azurite, queues: Queues, name: str
) -> None:
    """With a batch of one and a threshold of zero, no two messages are handled at once."""
    queues.put(name, *(str(number) for number in range(5)))

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler()
        listeners.start(handler, QueueOptions(batch_size=1, new_batch_threshold=0, max_polling_interval=0.1))
        await until(lambda: queues.count(name) == 0)
        assert (len(handler.messages), handler.max_running) == (5, 1)


async def test_message_in_progress_stays_invisible_beyond_its_lease(
    azurite: Azurite, queues: Queues, name: str
) -> None:
    """Other hosts do not receive a message in progress after its first lease, and it keeps its text."""
    queues.put(name, "long")

    with run_proxy(azurite.ports["Queue"]) as proxy:
        async with Listeners(azurite, name, proxy.port) as listeners:
            handler, others = RecordingHandler(outcome=False, is_waiting=True), RecordingHandler()
            options = QueueOptions(visibility_timeout=0, max_polling_interval=0.1)
            listener = listeners.start(handler, options, lease_seconds=4)
            await until(lambda: handler.messages)
            other = listeners.start(others, lease_seconds=60)
            await until(lambda: sum(method == "PUT" for method, _ in proxy.requests) >= 3)  # renewals, 2 seconds apart
            assert others.messages == []
            listener.stop()
            handler.permits.release()
            await until(lambda: others.messages)
            assert others.texts == ["long"]
            other.stop()


async def test_listener_of_a_missing_queue_receives_once_it_exists(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A queue that does not exist is not an error; once it does, its messages are received."""
    caplog.set_level(logging.INFO)

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler()
        listeners.start(handler)
        await until(lambda: "does not exist yet" in caplog.text)
        await asyncio.to_thread(queues.put, name, "first")
        await until(lambda: handler.messages)
    assert [record.levelname for record in caplog.records if "hosting" in record.name] == ["INFO"]


async def test_nudge_during_a_pause_makes_the_listener_ask_at_once(azurite: Azurite, queues: Queues, name: str) -> None:
    """After ``nudge`` the listener asks for messages at once."""
    queues.create(name)

    with run_proxy(azurite.ports["Queue"]) as proxy:
        async with Listeners(azurite, name, proxy.port) as listeners:
            handler = RecordingHandler()
            listener = listeners.start(handler, QueueOptions(max_polling_interval=3600))
            listener._backoff._failures = 1000  # as after many empty polls
            await until(lambda: proxy.requests)
            await asyncio.to_thread(queues.put, name, "now")
            listener.nudge()
            await until(lambda: handler.messages)


async def stop_during_a_response(listener: QueueListener, proxy: Proxy, queues: Queues, name: str) -> None:
    """Stop a listener while the response with the message ``late`` is on its way."""
    proxy.always("hold")
    await until(lambda: proxy.held)
    await asyncio.to_thread(queues.put, name, "late")
    proxy.forward_held()
    await until(lambda: queues.visible(name) == [])
    listener.stop()
    proxy.always("none")
    proxy.respond_to_held()


async def test_stop_releases_messages_that_arrive_afterwards(azurite: Azurite, queues: Queues, name: str) -> None:
    """Messages that arrive after the stop are released at once; the one in progress is finished and deleted."""
    queues.put(name, "first")

    with run_proxy(azurite.ports["Queue"]) as proxy:
        async with Listeners(azurite, name, proxy.port) as listeners:
            handler = RecordingHandler(is_waiting=True)
            listener = listeners.start(handler, QueueOptions(new_batch_threshold=1, max_polling_interval=0.1))
            await until(lambda: handler.messages)
            await stop_during_a_response(listener, proxy, queues, name)
            handler.permits.release()
            await until(lambda: queues.visible(name) == ["late"])
            await until(lambda: queues.count(name) == 1)
            assert handler.texts == ["first"]


async def test_stop_handles_a_late_message_that_may_be_tried_once(azurite: Azurite, queues: Queues, name: str) -> None:
    """A late message with a single try is handled, because the next host would make it poison without a try."""
    queues.put(name, "first")

    with run_proxy(azurite.ports["Queue"]) as proxy:
        async with Listeners(azurite, name, proxy.port) as listeners:
            handler = RecordingHandler(is_waiting=True)
            options = QueueOptions(new_batch_threshold=1, max_dequeue_count=1, max_polling_interval=0.1)
            listener = listeners.start(handler, options)
            await until(lambda: handler.messages)
            await stop_during_a_response(listener, proxy, queues, name)
            handler.permits.release()
            handler.permits.release()
            await until(lambda: queues.count(name) == 0)
            assert handler.texts == ["first", "late"]
            assert queues.count(f"{name}-poison") == 0


async def test_close_cancels_the_handler_and_releases_its_message(azurite: Azurite, queues: Queues, name: str) -> None:
    """When the grace period is over, a message in progress is visible to other hosts at once."""
    queues.put(name, "endless")

    async with Listeners(azurite, name) as listeners:
        handler = RecordingHandler(is_waiting=True)
        listener = listeners.start(handler)
        await until(lambda: handler.messages)
        await listener.close()
        assert handler.running == 0
        assert queues.visible(name) == ["endless"]
