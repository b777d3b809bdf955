"""Ports for a process that a test starts later."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """Reserve a free port on this machine until the end of the block.

    Nothing listens on it. On Linux, a process that is given the port can listen on it, and the system gives it to no
    other. Elsewhere a port is in use as long as it is reserved, so it is only free at the beginning of the block.
    """
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        port: int = reservation.getsockname()[1]
        if sys.platform != "linux":
            reservation.close()
        yield port
