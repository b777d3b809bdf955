"""Invocation ids: random UUIDs as text."""

from __future__ import annotations

from random import Random

_NOT_VERSION_BITS = (1 << 128) - 1 - (0xF << 76) - (0x3 << 62)
_VERSION_4_BITS = (0x4 << 76) | (0x2 << 62)


class InvocationIds:
    """Makes version 4 UUIDs in their usual text form, without a system call for each.

    The generator is seeded by the system and is not Python's shared one: an app that seeds that gets no repeated ids.
    """

    def __init__(self) -> None:
        self._bits = Random().getrandbits

    def __call__(self) -> str:
        """Return a new id."""
        digits = f"{self._bits(128) & _NOT_VERSION_BITS | _VERSION_4_BITS:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
