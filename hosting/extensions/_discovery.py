"""Discovery of installed extensions, from the metadata of distributions alone: nothing is imported here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from hosting._distributions import DistributionInfo, distribution_name
from hosting._exceptions import error_text
from hosting._text import canonical_name
from hosting.core import Problem
from hosting.errors import HostingError
from hosting.extensions import _metadata
from hosting.extensions._config import FLAG, Config, allowed_distributions, fold_name
from hosting.extensions._model import GROUPS, GUARDS, HOOK_GROUPS, Extension, Failure

DISABLED = "disabled in host.json (extensionHost.disabled) or by HOSTING_DISABLE"
OFF = f"{FLAG} is not true"


class EntryPoint(Protocol):
    """Interface of an entry point."""

    @property
    def name(self) -> str:
        """The extension's name."""

    @property
    def value(self) -> str:
        """What it names: ``module`` or ``module:attribute``."""

    @property
    def group(self) -> str:
        """The group of entry points that it belongs to."""

    @property
    def dist(self) -> Any:
        """The distribution that has it."""

    def load(self) -> Any:
        """Import and return the object that it names."""


def installed_entry_points() -> list[_metadata.EntryPoint]:
    """Return the entry points of all groups that hosting reads; distributions that cannot be read have none."""
    return _metadata.entry_points(GROUPS)[0]


def may_load(entry_point: EntryPoint, environ: Mapping[str, str]) -> bool:
    """Return whether ``HOSTING_ALLOW`` lets the distribution of an entry point load, whatever its group is.

    Args:
        entry_point: one of a binding, of a storage, or of an extension.
        environ: the environment with the app settings.
    """
    allowed = allowed_distributions(environ)
    name = distribution_name(entry_point.dist)
    return allowed is None or (name is not None and canonical_name(name) in allowed)


def load_entry_point(entry_point: EntryPoint, subject: str, *, error: type[HostingError] = HostingError) -> Any:
    """Import and return the object that an entry point of a binding, a storage or a command names.

    Args:
        entry_point: the entry point.
        subject: what it is, the beginning of a sentence.
        error: the class of the error.

    Raises:
        HostingError: it cannot be imported: a package may raise anything. It is of the class ``error``.
    """
    try:
        return entry_point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        raise error(
            f"{subject} cannot be imported: {error_text(raised)}",
            remedy=f"Reinstall or update the package that contains {entry_point.value}.",
        ) from raised


def read_installed() -> tuple[Iterable[EntryPoint], list[Problem]]:
    """Return the entry points of extensions, and a problem for each distribution that cannot be read."""
    found, unreadable = _metadata.entry_points(HOOK_GROUPS)
    return found, [_unreadable(one.dist, one.error) for one in unreadable]


def has_guards() -> bool:
    """Return whether a distribution with an entry point in the group of guards is installed; reads little more."""
    return bool(_metadata.entry_points((GUARDS,))[0])


def _unreadable(distribution: DistributionInfo, error: Exception) -> Problem:
    folder = distribution.locate_file("")
    name = distribution_name(distribution) or "a distribution without a name"
    return Problem(
        "warning",
        f"The metadata of {name} in {folder} cannot be read: {error_text(error)}.",
        "Reinstall that package.",
    )


def discover(config: Config, installed: Iterable[EntryPoint]) -> list[tuple[Extension, EntryPoint]]:
    """Return the extensions among the ``installed`` entry points, by name, with the status that metadata decides.

    Where several entry points have one name, none of those extensions is loaded: they are ``failed``.
    """
    by_name: dict[str, list[tuple[Extension, EntryPoint]]] = defaultdict(list)
    for entry_point in installed:
        if entry_point.group in HOOK_GROUPS:
            by_name[fold_name(entry_point.name)].append((_extension(entry_point), entry_point))
    found = []
    for name in sorted(by_name):
        same = by_name[name]
        if len(same) > 1:
            same.sort(key=lambda one: _origin(one[0]))
        for extension, _ in same:
            _apply_config(extension, config)
        _fail_duplicates([extension for extension, _ in same if extension.status == "idle"])
        found += same
    if not config.enabled:
        _disable(extension for extension, _ in found)
    return found


def _extension(entry_point: EntryPoint) -> Extension:
    return Extension(
        name=entry_point.name, group=entry_point.group, source=entry_point.dist, entry_point=entry_point.value
    )


def _origin(extension: Extension) -> str:
    package = (
        f"{extension.distribution} {extension.version}" if extension.distribution else "a package without metadata"
    )
    return f"{package} ({extension.entry_point})"


def _apply_config(extension: Extension, config: Config) -> None:
    """Block or disable an extension where the configuration says so."""
    if config.allowed is not None and not config.allows(extension.distribution):
        extension.status, extension.reason = "blocked", "HOSTING_ALLOW does not name its distribution"
    elif config.disables(extension.name):
        extension.status, extension.reason = "disabled", DISABLED


def _disable(extensions: Iterable[Extension]) -> None:
    for extension in extensions:
        if extension.status == "idle":
            extension.status, extension.reason = "disabled", OFF


def _fail_duplicates(extensions: list[Extension]) -> None:
    if len(extensions) < 2:
        return
    origins = " and by ".join(_origin(extension) for extension in extensions)
    message = f"the name {extensions[0].name!r} is used by {origins}; none of them is loaded"
    for extension in extensions:
        extension.fail("another package uses its name")
        extension.error = Failure("discovery", "DuplicateName", message, "", _how_to_choose(extensions))


def _how_to_choose(extensions: list[Extension]) -> str:
    names = sorted({extension.distribution or "" for extension in extensions})
    if names == [""]:
        return "Uninstall all but one."
    if len(names) == 1:
        return f"Report it to the authors of {names[0]}: a package may use a name for one entry point only."
    choice = " or ".join(filter(None, names))  # HOSTING_ALLOW cannot name a package without metadata
    return f"Uninstall all but one, or set HOSTING_ALLOW to all distributions that may load, with {choice}."
