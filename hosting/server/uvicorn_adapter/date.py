"""The Date header of responses."""

from __future__ import annotations

from email.utils import formatdate
from time import time


class DateHeader:
    """The line of the Date header for now, computed once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        """Return the header as it is sent, with its line end."""
        second = int(time())
        if second != self._second:
            self._second, self._line = second, b"date: %s\r\n" % formatdate(second, usegmt=True).encode()
        return self._line
