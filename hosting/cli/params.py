"""Values of options: from a fixed list, with a hint for a typo, or several at once."""

from __future__ import annotations

from collections.abc import Sequence

import click

from hosting._text import comma_separated, did_you_mean


class Choice(click.Choice[str]):
    """One of a few words; what is close to one of them is taken for a typo."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Add the word that was probably meant."""
        hint = did_you_mean(str(value), self.choices)
        return f"{super().get_invalid_choice_message(value, ctx)}{hint and f' {hint}'}"


def several(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Take a list by repetition or by commas."""
    return tuple(word for value in values for word in comma_separated(value))
