"""Queues of a real storage account, from a test's side: many messages in a short time, and what is left of them."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

import aiohttp
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import AccountSasPermissions, QueueServiceClient, ResourceTypes, generate_account_sas

from hosting_storage.testing import ACCOUNT, KEY, Azurite

VERSION = "2021-12-02"
_AT_ONCE = 16


class Queues:
    """The queues of an Azurite."""

    def __init__(self, azurite: Azurite) -> None:
        self._service = QueueServiceClient.from_connection_string(azurite.connection_string, api_version=VERSION)
        self._url = f"http://127.0.0.1:{azurite.ports['Queue']}/{ACCOUNT}"

    def make(self, *names: str) -> None:
        """Make queues, empty ones."""
        for name in names:
            try:
                self._service.create_queue(name)
            except ResourceExistsError:
                self._service.get_queue_client(name).clear_messages()

    def put(self, name: str, *texts: str) -> None:
        """Put messages into a queue as the host does, in Base64; it is made where it does not exist."""
        self.put_raw(name, *(b64encode(text.encode()).decode() for text in texts))

    def put_raw(self, name: str, *contents: str) -> None:
        """Put messages into a queue as they are."""
        queue = self._service.get_queue_client(name)
        for content in contents:
            try:
                queue.send_message(content)
            except ResourceNotFoundError:
                queue.create_queue()
                queue.send_message(content)

    def fill(self, name: str, texts: Sequence[str]) -> None:
        """Put many messages into a queue, in any order, quicker than the SDK does."""
        self.make(name)
        asyncio.run(self._fill(name, texts))

    def left(self, name: str) -> int:
        """How many messages a queue has, invisible ones too; 0 where it does not exist."""
        try:
            return self._service.get_queue_client(name).get_queue_properties().approximate_message_count or 0
        except ResourceNotFoundError:
            return 0

    def seen(self, name: str) -> list[str]:
        """The texts of the visible messages, 32 at most, decoded."""
        return [b64decode(content).decode() for content in self.seen_raw(name)]

    def seen_raw(self, name: str) -> list[str]:
        """The contents of the visible messages, 32 at most, as they are."""
        try:
            found = self._service.get_queue_client(name).peek_messages(32)
        except ResourceNotFoundError:
            return []
        return [message.content for message in found]

    def close(self) -> None:
        self._service.close()

    async def _fill(self, name: str, texts: Iterable[str]) -> None:
        end = datetime.now(UTC) + timedelta(hours=1)
        token = generate_account_sas(
            ACCOUNT, KEY, ResourceTypes(object=True), AccountSasPermissions(add=True), end, protocol="https,http"
        )
        url = f"{self._url}/{name}/messages?{token}"
        left = iter(texts)
        async with aiohttp.ClientSession() as session:

            async def send() -> None:
                for text in left:
                    content = escape(b64encode(text.encode()).decode())
                    body = f"<QueueMessage><MessageText>{content}</MessageText></QueueMessage>"
                    async with session.post(url, data=body, headers={"x-ms-version": VERSION}) as answer:
                        assert answer.status == 201, await answer.text()

            await asyncio.gather(*(send() for _ in range(_AT_ONCE)))
