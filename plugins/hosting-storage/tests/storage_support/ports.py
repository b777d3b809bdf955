"""Ports for an Azurite that starts later, or again."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

SERVICES = 3
"""How many services Azurite has, each with a port."""


@contextmanager
def reserved_ports(count: int = SERVICES) -> Iterator[tuple[int, ...]]:
    """Reserve free ports on this machine until the end of the block.

    Nothing listens on them, so connections are refused. On Linux, a process that is given such a port can listen on
    it, and the system gives it to no other. Elsewhere a port is in use as long as it is reserved, so it is only free
    at the beginning of the block.
    """
    with ExitStack() as sockets:
        reservations = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for reservation in reservations:
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reservation.bind(("127.0.0.1", 0))
        ports = tuple(reservation.getsockname()[1] for reservation in reservations)
        if sys.platform != "linux":
            sockets.close()
        yield ports
