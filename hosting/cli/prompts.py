"""Prompts in a terminal for options that were not given."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

import click

from hosting._text import comma_separated, with_remedy
from hosting.cli.params import Choice
from hosting.errors import HostingError

Word = TypeVar("Word", bound=str)

_BUILD_SERVER_VARIABLES = ("CI", "CONTINUOUS_INTEGRATION", "BUILD_NUMBER", "RUN_ID", "TF_BUILD")
_FALSE = ("", "0", "false", "no")


def is_interactive(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a person can answer: input and output are a terminal, and this is not a build server."""
    is_build_server = any(environ.get(name, "").lower() not in _FALSE for name in _BUILD_SERVER_VARIABLES)
    return not is_build_server and sys.stdin.isatty() and sys.stdout.isatty()


def choose(question: str, words: Sequence[Word], default: Word) -> Word:
    """Prompt for one of ``words`` until the answer is one of them; Enter chooses ``default``."""
    return cast("Word", click.prompt(question, type=Choice(words), default=default))


def choose_several(
    question: str, check: Callable[[Sequence[str]], Sequence[str]], default: Sequence[str]
) -> Sequence[str]:
    """Prompt for comma-separated words until ``check`` accepts them; Enter chooses ``default``.

    Args:
        question: what to show before the cursor.
        check: returns the words to use, or raises HostingError, whose message is then shown.
        default: the words for an empty answer.
    """

    def read(text: str) -> Sequence[str]:
        try:
            return check(comma_separated(text))
        except HostingError as error:
            raise click.UsageError(with_remedy(error.message, error.remedy)) from error

    answer: Sequence[str] = click.prompt(question, default=",".join(default), value_proc=read)
    return answer
