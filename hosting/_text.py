"""Small operations on names and lists in text, used by every layer."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TRUE = frozenset({"1", "true", "t", "yes", "y"})


def is_true(text: str) -> bool:
    """Return whether Azure's worker reads a setting as true. Source: ``is_true_like`` in its ``utils/common.py``."""
    return text.strip().lower() in _TRUE


def comma_separated(text: str) -> tuple[str, ...]:
    """Split a comma-separated list; surrounding white space and empty items are dropped."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def canonical_name(distribution: str) -> str:
    """Return a distribution's name in the form in which names compare.

    Source: the name normalization of the Python packaging specifications. ``packaging`` has the same function, and
    takes longer to import than an extension host takes to start.
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()


def closest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the one of ``known`` that is most like ``word``, ignoring case; None if none is similar.

    Args:
        word: what was written.
        known: the names that exist.
        cutoff: the similarity from which two words are alike, between 0 and 1.
    """
    from difflib import get_close_matches  # only a mistake needs it

    by_fold = {one.casefold(): one for one in known}
    found = get_close_matches(word.casefold(), by_fold, n=1, cutoff=cutoff)
    return by_fold[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question ``Did you mean 'name'?`` for a misspelled name; empty if no known name is similar."""
    name = closest(word, known)
    return "" if name is None else f"Did you mean {name!r}?"


def with_remedy(message: str, remedy: str) -> str:
    """Return a message and what to do as sentences of one line; the message alone if there is no remedy."""
    if not remedy:
        return message
    return f"{message}{'' if message.endswith(('.', '!', '?', ':')) else '.'} {remedy}"
