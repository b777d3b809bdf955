"""The smallest extension that does something before and after each invocation."""

from __future__ import annotations

import hosting


@hosting.hookimpl
def pre_invocation_app_level() -> None:
    """Do nothing before."""


@hosting.hookimpl
def post_invocation_app_level() -> None:
    """Do nothing after."""
