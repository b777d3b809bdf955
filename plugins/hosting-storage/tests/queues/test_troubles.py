"""A listener whose storage is away, or whose messages somebody else has."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress

import pytest
from storage_support.apps import TIMEOUT_SECONDS
from storage_support.proxy import Fault, Proxy, proxying
from storage_support.queue_scene import Handled, Scene, patience, until
from storage_support.queues import Queues

from hosting_storage.queues.leased_message import LeasedMessage
from hosting_storage.queues.messages import Message, received, send
from hosting_storage.queues.options import QueueOptions
from hosting_storage.shared.outage import Outage
from hosting_storage.testing import Azurite


@pytest.mark.parametrize("deed", ["delete", "take"])
def test_a_message_that_somebody_else_has_is_no_catastrophe(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture, deed: str
) -> None:
    """Where a message is no longer ours at the end, that is said, and the next ones are worked on."""
    queues.put(name, "stolen")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:

            async def steal(message: Message) -> bool:
                if message.text == "stolen" and deed == "delete":
                    await scene.queue.delete_message(message.id, message.pop_receipt)
                elif message.text == "stolen":
                    await scene.queue.update_message(message.id, message.pop_receipt, visibility_timeout=3600)
                return True

            scene.listen(steal)
            await until(lambda: "before this host had finished" in caplog.text)
            await asyncio.to_thread(queues.put, name, "next")
            await until(lambda: queues.left(name) == (deed == "take"))

    asyncio.run(scenario())


def test_a_renewal_that_finds_it_gone_ends(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that is deleted by its own function is renewed no more, and the function goes on."""
    queues.put(name, "mine")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:

            async def delete(message: Message) -> bool:
                await scene.queue.delete_message(message.id, message.pop_receipt)
                await until(lambda: "which may process it as well" in caplog.text)
                return True

            scene.listen(delete, lease_seconds=1)
            await until(lambda: "before this host had finished" in caplog.text)

    asyncio.run(scenario())


def test_a_renewal_on_its_way_at_the_end_is_the_last(azurite: Azurite, queues: Queues, name: str) -> None:
    """A message whose function ends while it is renewed has the new receipt, and is then left alone."""
    queues.put(name, "mine")
    ended = threading.Event()

    def late_renewals(method: str, path: str) -> Fault:
        if method == "PUT":
            ended.wait(TIMEOUT_SECONDS)
        return "none"

    async def scenario() -> None:
        with proxying(azurite.ports["Queue"]) as proxy:
            proxy.mood = late_renewals
            async with Scene(azurite, name, proxy.port) as scene:
                taken = await scene.queue.receive_message(visibility_timeout=60)
                assert taken is not None
                held = LeasedMessage(scene.queue, received(taken, "base64"), lease_seconds=1)
                held.start_renewing()
                await until(lambda: any(method == "PUT" for method, _ in proxy.requests))
                ended.set()
                await held.stop_renewing()
                await asyncio.sleep(1)  # would be enough for another one
                assert [method for method, _ in proxy.requests] == ["GET", "PUT"]
                await held.delete()

    asyncio.run(scenario())
    assert queues.left(name) == 0


@pytest.mark.parametrize(("fault", "said"), [("error", "could not be released"), ("hang", "does not respond")])
def test_closing_does_not_wait_for_a_storage_that_is_away(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture, fault: Fault, said: str
) -> None:
    """A storage that does not answer holds up the end for a few seconds only, and that is said."""
    queues.put(name, "stuck")

    async def scenario() -> None:
        with proxying(azurite.ports["Queue"]) as proxy:
            async with Scene(azurite, name, proxy.port) as scene:
                handled = Handled(held=True)
                listener = scene.listen(handled)
                await until(lambda: handled.messages)
                proxy.always(fault)
                async with patience():
                    await listener.close()

    asyncio.run(scenario())
    assert said in caplog.text


def test_a_function_that_minds_no_cancellation(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is a function that holds up the end, the storage is not blamed."""
    monkeypatch.setattr("hosting_storage.queues.listener._CLOSE_SECONDS", 0.1)
    queues.put(name, "stubborn")

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            handled = Handled(held=True)

            async def minds_none(message: Message) -> bool:
                with suppress(asyncio.CancelledError):
                    return await handled(message)
                return await handled(message)

            listener = scene.listen(minds_none)
            await until(lambda: handled.messages)
            await listener.close()

    asyncio.run(scenario())
    assert f"Queue '{name}' has a function that ignores its cancellation" in caplog.text


@pytest.mark.parametrize("fault", ["error", "hang up", "lose the answer"])
def test_a_storage_that_goes_away_is_told_of_once(
    azurite: Azurite, queues: Queues, name: str, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    """It is said once that the account cannot be used, and once that it answers again; then messages are taken."""
    queues.make(name)

    async def scenario() -> None:
        with proxying(azurite.ports["Queue"]) as proxy:
            proxy.always(fault)
            async with Scene(azurite, name, proxy.port) as scene:
                handled = Handled()
                scene.listen(handled)
                await until(lambda: len(proxy.requests) > 3)
                await asyncio.to_thread(queues.put, name, "patient")
                proxy.always("none")
                if fault != "lose the answer":  # or it might be among what was lost, and come back in ten minutes
                    await until(lambda: handled.messages)
                await until(lambda: "responds again" in caplog.text)

    asyncio.run(scenario())
    assert caplog.text.count("cannot be used") == 1
    assert caplog.text.count("responds again") == 1


def test_what_succeeded_is_deleted_once_the_storage_is_back(azurite: Azurite, queues: Queues, name: str) -> None:
    """A message whose deletion fails is deleted later, as long as it is ours: it is not worked on again."""
    queues.put(name, "done")

    def no_deleting(method: str, path: str) -> Fault:
        return "error" if method == "DELETE" else "none"

    async def scenario() -> None:
        with proxying(azurite.ports["Queue"]) as proxy:
            proxy.mood = no_deleting
            async with Scene(azurite, name, proxy.port) as scene:
                handled = Handled()
                scene.listen(handled)
                await until(lambda: sum(method == "DELETE" for method, _ in proxy.requests) > 1)
                proxy.always("none")
                await until(lambda: queues.left(name) == 0)
                assert len(handled.messages) == 1

    asyncio.run(scenario())


def test_poison_stays_where_it_is_until_it_is_set_aside(azurite: Azurite, queues: Queues, name: str) -> None:
    """A poison message is deleted only after the poison queue has it."""
    queues.put(name, "bad")

    def no_poison(method: str, path: str) -> Fault:
        return "error" if "-poison" in path else "none"

    async def scenario() -> None:
        with proxying(azurite.ports["Queue"]) as proxy:
            proxy.mood = no_poison
            async with Scene(azurite, name, proxy.port) as scene:
                handled = Handled(answer=False)
                scene.listen(handled, QueueOptions(max_dequeue_count=1, max_polling_interval=0.1))
                await until(lambda: any("-poison" in path for _, path in proxy.requests))
                assert queues.left(name) == 1
                proxy.always("none")
                await until(lambda: queues.left(name) == 0)
                assert queues.seen(f"{name}-poison") == ["bad"]

    asyncio.run(scenario())


def test_several_queues_of_an_account_tell_of_an_outage_once(caplog: pytest.LogCaptureFixture) -> None:
    """What holds for all queues of an account is said once, and its end when all of them answer."""
    outage = Outage(logging.getLogger("tests"), "Storage account 'here'")
    for who in ("queue 'a'", "queue 'b'", "queue 'a'"):
        outage.failed(who, ConnectionError("away\nmore"))
    outage.answered("queue 'a'")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Storage account 'here' cannot be used for queue 'a': away." in caplog.text
    outage.answered("queue 'c'")
    outage.answered("queue 'b'")
    assert caplog.text.count("responds again") == 1


def test_an_outage_that_changes_is_told_of_once_for_each_reason(caplog: pytest.LogCaptureFixture) -> None:
    """Where an account fails now in one way and now in another, each of them is said once until it answers."""
    outage = Outage(logging.getLogger("tests"), "Storage account 'here'")
    for _ in range(2):
        for _ in range(3):
            outage.failed("queue 'a'", ConnectionError("away"))
            outage.failed("queue 'a'", TimeoutError("slow"))
        outage.answered("queue 'a'")
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "WARNING"] * 2


def test_a_proxy_stands_for_the_service(azurite: Azurite, queues: Queues, name: str) -> None:
    """The proxy of these tests passes on what it is not told to spoil."""

    async def scenario(proxy: Proxy) -> None:
        async with Scene(azurite, name, proxy.port) as scene:
            await send(scene.queue, "YQ==")

    with proxying(azurite.ports["Queue"]) as proxy:
        asyncio.run(scenario(proxy))
    assert queues.seen(name) == ["a"]
    assert {method for method, _ in proxy.requests} == {"POST", "PUT"}


def test_making_a_queue_that_somebody_else_makes_is_no_error(azurite: Azurite, queues: Queues, name: str) -> None:
    """Of many who send into a queue that does not exist, all succeed."""

    async def scenario() -> None:
        async with Scene(azurite, name) as scene:
            await asyncio.gather(*(send(scene.queue, "YQ==") for _ in range(8)))

    asyncio.run(scenario())
    assert queues.left(name) == 8
