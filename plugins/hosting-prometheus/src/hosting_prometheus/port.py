"""A port of its own for the metrics; of several processes, one has it, and another one takes it over."""

from __future__ import annotations

import asyncio
import errno
from contextlib import suppress
from logging import Logger
from pathlib import Path
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

RETRY_SECONDS = 1.0


class MetricsPort:
    """Serves metrics by HTTP, in threads.

    Args:
        registry: the metrics.
        address: the address.
        port: the port; 0 for any that is free.
        logger: gets a line with the URL.
    """

    def __init__(self, registry: CollectorRegistry, address: str, port: int, logger: Logger) -> None:
        self._registry, self._address, self._port, self._logger = registry, address, port, logger
        self._server: WSGIServer | None = None

    @property
    def is_open(self) -> bool:
        """Whether this process listens."""
        return self._server is not None

    def open(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken, or the address is not one of this machine.
        """
        try:
            self._server, _ = start_http_server(self._port, self._address, self._registry)
        except OSError as error:
            message = f"metrics cannot be served at {self._address}:{self._port}: {error.strerror or error}"
            raise OSError(
                error.errno, f"{message}. Set another port or address for the extension 'prometheus'"
            ) from error
        host = f"[{self._address}]" if ":" in self._address else self._address
        self._logger.info("Metrics are served at http://%s:%d/metrics", host, self._server.server_port)

    def open_or_wait(self, folder: Path) -> bool:
        """Listen, and return True; return False if the port is taken, as by another process of this app.

        Args:
            folder: a folder that the processes share.

        Raises:
            OSError: the address is not one of this machine, or another program has the port.
        """
        mark = folder / "port"
        try:
            self.open()
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not mark.exists():
                raise
            return False
        mark.touch()
        return True

    async def take_over(self) -> None:
        """Wait until the process that has the port ends, then listen."""
        while self._server is None:
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(OSError):
                await asyncio.to_thread(self.open)

    def close(self) -> None:
        """Stop to listen."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
