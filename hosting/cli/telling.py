"""Telling a person's mistake: one message on standard error."""

from __future__ import annotations

import sys
import traceback

from hosting.errors import HostingError


def tell(error: HostingError, *, verbose: bool = False) -> None:
    """Say what is wrong; with ``verbose``, first where in the author's code it came from."""
    if verbose and error.__cause__ is not None:
        traceback.print_exception(error.__cause__)
    print(error, file=sys.stderr, flush=True)
