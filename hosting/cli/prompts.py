"""Asking a person at a terminal for what the options do not say."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

import click

from hosting._text import comma_separated
from hosting.cli.params import Choice
from hosting.errors import HostingError

Word = TypeVar("Word", bound=str)

_ROBOTS = ("CI", "CONTINUOUS_INTEGRATION", "BUILD_NUMBER", "RUN_ID", "TF_BUILD")
_NO = ("", "0", "false", "no")


def can_ask(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody is there to answer: both ends are a terminal, and no build server runs this."""
    robot = any(environ.get(name, "").lower() not in _NO for name in _ROBOTS)
    return not robot and sys.stdin.isatty() and sys.stdout.isatty()


def choose(question: str, words: Sequence[Word], default: Word) -> Word:
    """Ask for one of ``words``."""
    return cast("Word", click.prompt(question, type=Choice(words), default=default))


def listed(question: str, check: Callable[[Sequence[str]], Sequence[str]], default: Sequence[str]) -> Sequence[str]:
    """Ask for words with commas between them until ``check`` takes them."""

    def read(text: str) -> Sequence[str]:
        try:
            return check(comma_separated(text))
        except HostingError as error:
            raise click.UsageError(f"{error.message} {error.remedy}") from error

    answer: Sequence[str] = click.prompt(question, default=",".join(default), value_proc=read)
    return answer
