"""A hand-written loop over the official SDK, with as many messages at once as the host."""

from __future__ import annotations

import asyncio
import os

import uvloop
from azure.storage.queue import QueueMessage, TextBase64DecodePolicy
from azure.storage.queue.aio import QueueClient

from tests.benchmarks.competitors.queue_work import work

BATCH = 16
THRESHOLD = BATCH // 2 * (os.cpu_count() or 1)


async def handle(queue: QueueClient, message: QueueMessage) -> None:
    await work(message.content)
    await queue.delete_message(message)


async def main() -> None:
    client = QueueClient.from_connection_string(
        os.environ["AzureWebJobsStorage"],  # noqa: SIM112 - it is spelled so
        os.environ["QUEUE_NAME"],
        message_decode_policy=TextBase64DecodePolicy(),
        api_version="2021-12-02",
    )
    running: set[asyncio.Task[None]] = set()
    async with client as queue:
        while True:
            batch = queue.receive_messages(messages_per_page=BATCH, max_messages=BATCH, visibility_timeout=600)
            messages = [message async for message in batch]
            running |= {asyncio.create_task(handle(queue, message)) for message in messages}
            while len(running) > THRESHOLD:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            if not messages:
                await asyncio.sleep(0.1)


if __name__ == "__main__":
    uvloop.run(main())
