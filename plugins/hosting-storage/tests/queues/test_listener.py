"""One listener on one queue of a real Azurite: what it takes, when, and what becomes of it."""

from __future__ import annotations

import asyncio
import logging

import pytest
from storage_support.proxy import Proxy, proxying
from storage_support.queue_scene import Handled, Scene, until
from storage_support.queues import Queues

from hosting_storage.queues.listener import QueueListener
from hosting_storage.queues.options import QueueOptions
from hosting_storage.testing import Azurite


def test_a_message_is_deleted_after_it_was_handled(azurite: Azurite, queues: Queues, name: str) -> None:
    """It stays in the queue, out of sight, for as long as the handler works, and is gone after it succeeded."""
    queues.put(name, "grüße")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled(held=True)
            scene.listen(handled)
            await until(lambda: handled.messages)
            assert (queues.left(name), queues.seen(name)) == (1, [])
            handled.let.release()
            await until(lambda: queues.left(name) == 0)
            (message,) = handled.messages
            assert (message.body, message.dequeue_count) == ("grüße".encode(), 1)
            assert message.inserted_on is not None
            assert message.expires_on is not None

    asyncio.run(scenario())


@pytest.mark.parametrize("answer", [False, ValueError("no")], ids=["false", "raising"])
def test_what_fails_too_often_is_set_aside(azurite: Azurite, queues: Queues, name: str, answer: object) -> None:
    """A message that fails comes back until it was taken as often as it may be; then it is in the poison queue."""
    queues.put(name, "bad")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled(answer)
            scene.listen(handled, QueueOptions(max_dequeue_count=3, max_polling_interval=0.1))
            await until(lambda: queues.left(f"{name}-poison") == 1 and queues.left(name) == 0)
            assert [message.dequeue_count for message in handled.messages] == [1, 2, 3]
            assert queues.seen(f"{name}-poison") == ["bad"]

    asyncio.run(scenario())


def test_a_failed_message_waits_for_the_visibility_timeout(azurite: Azurite, queues: Queues, name: str) -> None:
    """With a visibility timeout, a message that failed is not seen at once; others are handled meanwhile."""
    queues.put(name, "bad")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled(answer=False)
            scene.listen(handled, QueueOptions(visibility_timeout=3600, max_polling_interval=0.1))
            await until(lambda: handled.messages)
            await asyncio.to_thread(queues.put, name, "next")
            await until(lambda: len(handled.messages) == 2)
            assert handled.texts == ["bad", "next"]
            assert (queues.left(name), queues.seen(name)) == (2, [])

    asyncio.run(scenario())


def test_what_was_taken_too_often_is_not_handled(azurite: Azurite, queues: Queues, name: str) -> None:
    """A message that killed its host as often as it may fail is set aside without another try."""
    queues.put(name, "deadly")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            taken = await scene.queue.receive_message(visibility_timeout=1)
            assert taken is not None
            await scene.queue.update_message(taken.id, taken.pop_receipt, visibility_timeout=0)
            handled = Handled()
            scene.listen(handled, QueueOptions(max_dequeue_count=1, max_polling_interval=0.1))
            await until(lambda: queues.seen(f"{name}-poison") == ["deadly"] and queues.left(name) == 0)
            assert handled.messages == []

    asyncio.run(scenario())


def test_without_a_poison_queue_a_failed_message_stays(azurite: Azurite, queues: Queues, name: str) -> None:
    """In a poison queue, a message that fails stays invisible until its time is over, and is then tried again."""
    queues.put(name, "bad")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled(answer=False)
            once = QueueOptions(max_dequeue_count=1, max_polling_interval=0.1)
            scene.listen(handled, once, poison=None, lease_seconds=1)
            await until(lambda: len(handled.messages) >= 3)
            assert [message.dequeue_count for message in handled.messages[:3]] == [1, 2, 3]

    asyncio.run(scenario())


def test_what_is_not_base64_is_set_aside_as_it_is(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that cannot be decoded goes to the poison queue at once, unchanged, and the log says which setting."""
    queues.put_raw(name, "not Base64! <&>")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled()
            scene.listen(handled)
            await until(lambda: queues.seen_raw(f"{name}-poison") == ["not Base64! <&>"] and queues.left(name) == 0)
            assert handled.messages == []

    asyncio.run(scenario())
    assert "is not Base64" in caplog.text
    assert "extensions.queues.messageEncoding" in caplog.text


def test_without_encoding_any_text_is_a_message(azurite: Azurite, queues: Queues, name: str) -> None:
    """With ``none``, texts are taken as they are."""
    queues.put_raw(name, "not Base64! <&> ü")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled()
            scene.listen(handled, QueueOptions(message_encoding="none", max_polling_interval=0.1))
            await until(lambda: queues.left(name) == 0)
            assert handled.texts == ["not Base64! <&> ü"]

    asyncio.run(scenario())


def test_batches_are_taken_as_in_azure(azurite: Azurite, queues: Queues, name: str) -> None:
    """A batch at once; the next one as soon as no more than the threshold are left; so batch and threshold at most."""
    queues.put(name, *(str(number) for number in range(12)))

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled(held=True)
            scene.listen(handled, QueueOptions(batch_size=4, new_batch_threshold=2, max_polling_interval=0.1))
            await until(lambda: handled.running == 4)
            handled.let.release()
            await until(lambda: queues.left(name) == 11)
            await asyncio.sleep(0.3)  # would be enough for another batch
            assert handled.running == 3
            handled.let.release()
            await until(lambda: handled.running == 6)
            for _ in range(10):
                handled.let.release()
            await until(lambda: queues.left(name) == 0)
            assert handled.most == 6

    asyncio.run(scenario())


def test_one_at_a_time(azurite: Azurite, queues: Queues, name: str) -> None:
    """With batches of one, the threshold of which is none, no two messages are worked on at once."""
    queues.put(name, *(str(number) for number in range(5)))

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled()
            scene.listen(handled, QueueOptions(batch_size=1, new_batch_threshold=0, max_polling_interval=0.1))
            await until(lambda: queues.left(name) == 0)
            assert (len(handled.messages), handled.most) == (5, 1)

    asyncio.run(scenario())


def test_a_message_is_kept_as_long_as_it_is_worked_on(azurite: Azurite, queues: Queues, name: str) -> None:
    """Nobody else sees it after the time for which it was taken, and it keeps its text."""
    queues.put(name, "long")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled, others = Handled(answer=False, held=True), Handled()
            options = QueueOptions(visibility_timeout=0, max_polling_interval=0.1)
            listener = scene.listen(handled, options, lease_seconds=4)
            await until(lambda: handled.messages)
            other = scene.listen(others, lease_seconds=60)
            await asyncio.sleep(6)
            assert others.messages == []
            listener.stop()
            handled.let.release()
            await until(lambda: others.messages)
            assert others.texts == ["long"]
            other.stop()

    asyncio.run(scenario())


def test_a_queue_may_come_later(azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A queue that does not exist is no error; once it does, its messages are taken."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled()
            scene.listen(handled)
            await until(lambda: "does not exist yet" in caplog.text)
            await asyncio.to_thread(queues.put, name, "first")
            await until(lambda: handled.messages)

    asyncio.run(scenario())
    assert [record.levelname for record in caplog.records if "hosting" in record.name] == ["INFO"]


def test_a_nudge_ends_the_pause(azurite: Azurite, queues: Queues, name: str) -> None:
    """Who knows of a new message need not wait until the listener looks again."""
    queues.make(name)

    async def scenario() -> None:
        with proxying(azurite.ports["Queue"]) as proxy:
            async with Scene(azurite, name, proxy.port) as scene:
                handled = Handled()
                listener = scene.listen(handled, QueueOptions(max_polling_interval=3600))
                listener._backoff._failures = 1000  # as after a long time without a message
                await until(lambda: proxy.requests)
                await asyncio.to_thread(queues.put, name, "now")
                listener.nudge()
                await until(lambda: handled.messages)

    asyncio.run(scenario())


async def stop_on_the_way(listener: QueueListener, proxy: Proxy, queues: Queues, name: str) -> None:
    """Stop while a message, ``late``, has left the queue and not come to the listener."""
    proxy.always("slow")
    asked = len(proxy.requests)
    await until(lambda: len(proxy.requests) > asked + 1)
    await asyncio.to_thread(queues.put, name, "late")
    await until(lambda: queues.seen(name) == [])
    proxy.always("none")
    listener.stop()


def test_stopping_takes_nothing_and_gives_back_what_was_not_begun(azurite: Azurite, queues: Queues, name: str) -> None:
    """Messages that arrive after the stop are seen by others at once; the one that runs is finished and deleted."""
    queues.put(name, "begun")

    async def scenario() -> None:
        with proxying(azurite.ports["Queue"]) as proxy:
            async with Scene(azurite, name, proxy.port) as scene:
                handled = Handled(held=True)
                listener = scene.listen(handled, QueueOptions(new_batch_threshold=1, max_polling_interval=0.1))
                await until(lambda: handled.messages)
                await stop_on_the_way(listener, proxy, queues, name)
                handled.let.release()
                await until(lambda: queues.seen(name) == ["late"])
                await until(lambda: queues.left(name) == 1)
                assert handled.texts == ["begun"]

    asyncio.run(scenario())


def test_stopping_leaves_no_message_to_be_poison_untried(azurite: Azurite, queues: Queues, name: str) -> None:
    """What may be tried once only is tried, as whoever takes it again would set it aside without another try."""
    queues.put(name, "begun")

    async def scenario() -> None:
        with proxying(azurite.ports["Queue"]) as proxy:
            async with Scene(azurite, name, proxy.port) as scene:
                handled = Handled(held=True)
                options = QueueOptions(new_batch_threshold=1, max_dequeue_count=1, max_polling_interval=0.1)
                listener = scene.listen(handled, options)
                await until(lambda: handled.messages)
                await stop_on_the_way(listener, proxy, queues, name)
                handled.let.release()
                handled.let.release()
                await until(lambda: queues.left(name) == 0)
                assert handled.texts == ["begun", "late"]
                assert queues.left(f"{name}-poison") == 0

    asyncio.run(scenario())


def test_closing_cancels_what_runs_and_gives_it_back(azurite: Azurite, queues: Queues, name: str) -> None:
    """When the grace period is over, a message that is still worked on is seen by others at once."""
    queues.put(name, "endless")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled(held=True)
            listener = scene.listen(handled)
            await until(lambda: handled.messages)
            await listener.close()
            assert handled.running == 0
            assert queues.seen(name) == ["endless"]

    asyncio.run(scenario())
