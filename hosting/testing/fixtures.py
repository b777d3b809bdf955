"""Types of the pytest plugin's fixtures, for type-checked tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, TypedDict, Unpack

from hosting.testing.extensions import Extensions
from hosting.testing.host import Host
from hosting.testing.memory import Inputs
from hosting.testing.server import Servable, Server
from hosting.testing.sources import AppSource


class HostOptions(TypedDict, total=False):
    """The options of ``make_host``."""

    extensions: Extensions | None
    settings: Mapping[str, str] | None
    host_json: Mapping[str, Any] | None
    inputs: Inputs | None
    functions: Collection[str]
    strict: bool
    raises: bool


class HostFactory(Protocol):
    """The fixture ``hosting_host``: runs apps in hosts that are closed after the test."""

    def __call__(self, app: AppSource, /, **options: Unpack[HostOptions]) -> Host:
        """Return an open host of the app; the arguments, and what is raised, are those of ``make_host``."""


class ServerFactory(Protocol):
    """The fixture ``hosting_server``: serves apps by processes that are stopped after the test."""

    def __call__(self, app: Servable, /, *flags: str, settings: Mapping[str, str] | None = None) -> Server:
        """Return a server that answers; the arguments, and what is raised, are those of ``serve``."""
