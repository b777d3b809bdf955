"""The queues of a storage account, as a test uses them."""

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
_CONCURRENT_REQUESTS = 16


class Queues:
    """The queues of an Azurite."""

    def __init__(self, azurite: Azurite) -> None:
        self._service = QueueServiceClient.from_connection_string(azurite.connection_string, api_version=VERSION)
        self._url = f"http://127.0.0.1:{azurite.ports['Queue']}/{ACCOUNT}"

    def create(self, *names: str) -> None:
        """Create queues; existing ones are cleared."""
        for name in names:
            try:
                self._service.create_queue(name)
            except ResourceExistsError:
                self._service.get_queue_client(name).clear_messages()

    def put(self, name: str, *texts: str) -> None:
        """Send messages to a queue as the host does, in Base64; create the queue if it does not exist."""
        self.put_raw(name, *(b64encode(text.encode()).decode() for text in texts))

    def put_raw(self, name: str, *contents: str) -> None:
        """Send messages to a queue without encoding."""
        queue = self._service.get_queue_client(name)
        for content in contents:
            try:
                queue.send_message(content)
            except ResourceNotFoundError:
                queue.create_queue()
                queue.send_message(content)

    def fill(self, name: str, texts: Sequence[str]) -> None:
        """Send many messages to a queue, in any order, faster than the SDK does."""
        self.create(name)
        asyncio.run(self._fill(name, texts))

    def count(self, name: str) -> int:
        """Return how many messages a queue has, also invisible ones; 0 if it does not exist."""
        try:
            return self._service.get_queue_client(name).get_queue_properties().approximate_message_count or 0
        except ResourceNotFoundError:
            return 0

    def visible(self, name: str) -> list[str]:
        """Return the texts of the visible messages, 32 at most, decoded."""
        return [b64decode(content).decode() for content in self.visible_raw(name)]

    def visible_raw(self, name: str) -> list[str]:
        """Return the contents of the visible messages, 32 at most, without decoding."""
        try:
            messages = self._service.get_queue_client(name).peek_messages(32)
        except ResourceNotFoundError:
            return []
        return [message.content for message in messages]

    def close(self) -> None:
        self._service.close()

    async def _fill(self, name: str, texts: Iterable[str]) -> None:
        end = datetime.now(UTC) + timedelta(hours=1)
        token = generate_account_sas(
            ACCOUNT, KEY, ResourceTypes(object=True), AccountSasPermissions(add=True), end, protocol="https,http"
        )
        url = f"{self._url}/{name}/messages?{token}"
        remaining = iter(texts)
        async with aiohttp.ClientSession() as session:

            async def send() -> None:
                for text in remaining:
                    content = escape(b64encode(text.encode()).decode())
                    body = f"<QueueMessage><MessageText>{content}</MessageText></QueueMessage>"
                    async with session.post(url, data=body, headers={"x-ms-version": VERSION}) as response:
                        assert response.status == 201, await response.text()

            await asyncio.gather(*(send() for _ in range(_CONCURRENT_REQUESTS)))
