"""Values of options: from a fixed list, with a hint for a typo, or several at once."""

from __future__ import annotations

from collections.abc import Sequence

import click


class Choice(click.Choice[str]):
    """One of a few words; what is close to one of them is taken for a typo."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Add the word that was probably meant."""
        return f"{super().get_invalid_choice_message(value, ctx)}{meant(str(value), self.choices)}"


def meant(word: str, words: Sequence[str]) -> str:
    """The sentence with the one of ``words`` that a person probably meant, with a space before it; or nothing."""
    from difflib import get_close_matches  # only who mistypes needs it

    close = get_close_matches(word.lower(), words, 1)
    return f" Did you mean {close[0]!r}?" if close else ""


def several(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Take a list by repetition or by commas."""
    return tuple(word for value in values for word in split(value))


def split(text: str) -> tuple[str, ...]:
    """The words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
