"""Requirements of this project's own distributions in generated files: they name where hosting was installed from."""

from __future__ import annotations

from collections.abc import Mapping

import hosting
from hosting._install import requirement

LOCAL = "local"
"""Chosen for templates if hosting was installed from a folder, which other machines do not have."""


def host_requirement() -> str:
    """Return the requirement of hosting with its command line: with an address, or else with the lowest version."""
    text = requirement("hosting", "host")
    return text if " @ " in text else f"{text}>={minimum_version()}"


def minimum_version() -> str:
    """Return the lowest version of hosting that generated files work with, such as ``0.1``."""
    return ".".join(hosting.__version__.split(".")[:2])


def is_local(text: str) -> bool:
    """Return whether a requirement names a folder of this machine."""
    return " @ file:" in text


def template_values() -> tuple[Mapping[str, str], frozenset[str]]:
    """Return the values, and the chosen words, that templates with requirements need."""
    text = host_requirement()
    values = {"host_requirement": text, "minimum_version": minimum_version()}
    return values, frozenset({LOCAL} if is_local(text) else ())
