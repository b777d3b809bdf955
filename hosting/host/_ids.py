"""Invocation ids: random UUIDs as text."""

from __future__ import annotations

from random import Random

_BUT_VERSION = (1 << 128) - 1 - (0xF << 76) - (0x3 << 62)
_VERSION_4 = (0x4 << 76) | (0x2 << 62)


class Ids:
    """Makes version 4 UUIDs in their usual text form, without a system call for each.

    The source is seeded by the system, and its own: an app that seeds Python's gets no repeated ids.
    """

    def __init__(self) -> None:
        self._bits = Random().getrandbits

    def __call__(self) -> str:
        """A new id."""
        digits = f"{self._bits(128) & _BUT_VERSION | _VERSION_4:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
