"""Providers of binding packages for tests: they run in ``make_host`` and add methods to its host."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeAlias

from hosting._text import did_you_mean
from hosting.bindings import Provider
from hosting.core import NOTHING

HostMethod: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]
"""An async function that the host of a test gets as a method."""


class ProviderForTests(Provider):
    """Provides binding types in ``hosting.testing``, in place of bindings in memory.

    A package names its class in the entry-point group ``hosting.testing``, once for each binding type, as in
    ``hosting.bindings``. The class keeps to the rules of tests: no network, no files that outlive the host, and no
    waiting for the clock.
    """

    def methods(self) -> Mapping[str, HostMethod]:
        """Return the async functions that the test's host gets as methods, by name; none unless overridden.

        A sync test calls them without ``await``. The host's own methods come first.
        """
        return NOTHING


def find_method(providers: Iterable[Provider], name: str) -> HostMethod:
    """Return the method of a test's host that one of its providers adds.

    Args:
        providers: the providers of the host.
        name: the name of the method.

    Raises:
        AttributeError: no provider adds it. The message names those that there are.
    """
    found: dict[str, HostMethod] = {}
    if name.startswith("_"):
        raise AttributeError(name)
    for provider in providers:
        if isinstance(provider, ProviderForTests):
            found.update(provider.methods())
    if name in found:
        return found[name]
    hint = did_you_mean(name, found)
    raise AttributeError(
        f"the host has no method {name!r}, and no package adds it for the bindings of this app. "
        + (hint or f"Added are: {', '.join(sorted(found)) or 'none'}.")
    )
