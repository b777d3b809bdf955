"""What is installed, from metadata alone: nothing is imported here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from hosting._text import canonical_name
from hosting.core import Problem
from hosting.extensions import _metadata
from hosting.extensions._config import FLAG, Config, folded
from hosting.extensions._metadata import Described, name_of
from hosting.extensions._model import EAGER, ON_DEMAND, Extension, Failure

if TYPE_CHECKING:
    from importlib_metadata import EntryPoints

DISABLED = "switched off by extensionHost.disabled in host.json or by HOSTING_DISABLE"
OFF = f"{FLAG} is not true"


class EntryPoint(Protocol):
    """What is asked of an entry point."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def dist(self) -> Described | None: ...
    def load(self) -> Any:
        """Import what it names."""


def installed_entry_points() -> EntryPoints:
    """Every entry point of every installed distribution, in one read of the metadata."""
    return _read_with_library()[0]


def read_installed() -> tuple[Iterable[EntryPoint], list[Problem]]:
    """The entry points of extensions, and the distributions whose metadata cannot be read: they hide nobody else's."""
    scanned = _metadata.entry_points((EAGER, ON_DEMAND))
    if scanned is None:
        return _read_with_library()
    found, unreadable = scanned
    return found, [_unreadable(one.dist, one.error) for one in unreadable]


def _read_with_library() -> tuple[EntryPoints, list[Problem]]:
    from importlib_metadata import entry_points  # its import costs milliseconds, which few starts need

    try:
        return entry_points(), []
    except Exception:
        return _read_one_by_one()


def _read_one_by_one() -> tuple[EntryPoints, list[Problem]]:
    """Slower, and stopped by nothing; of two distributions with one name the first on the path counts, as ever."""
    from importlib_metadata import EntryPoints, distributions

    found: dict[str, EntryPoints] = {}
    problems = []
    for distribution in distributions():
        try:
            name = canonical_name(distribution.name)
            if name not in found:
                found[name] = distribution.entry_points
        except Exception as error:
            problems.append(_unreadable(distribution, error))
    return EntryPoints(entry for entries in found.values() for entry in entries), problems


def _unreadable(distribution: Described, error: Exception) -> Problem:
    where = distribution.locate_file("")
    name = name_of(distribution) or "a distribution without a name"
    return Problem(
        "warning",
        f"The metadata of {name} in {where} cannot be read: {type(error).__name__}: {error}.",
        "Reinstall that package.",
    )


def discover(config: Config, installed: Iterable[EntryPoint]) -> list[tuple[Extension, EntryPoint]]:
    """The extensions among the ``installed`` entry points, by name, with what metadata says of them.

    A name that is claimed twice is nobody's: both are ``failed``.
    """
    claims: dict[str, list[tuple[Extension, EntryPoint]]] = defaultdict(list)
    for entry_point in installed:
        if entry_point.group in (EAGER, ON_DEMAND):
            claims[folded(entry_point.name)].append((_described(entry_point), entry_point))
    found = []
    for name in sorted(claims):
        rivals = claims[name]
        if len(rivals) > 1:
            rivals.sort(key=lambda claim: _claimant(claim[0]))
        for extension, _ in rivals:
            _judge(extension, config)
        _settle([extension for extension, _ in rivals if extension.status == "idle"])
        found += rivals
    if not config.enabled:
        _switch_off(extension for extension, _ in found)
    return found


def _described(entry_point: EntryPoint) -> Extension:
    return Extension(
        name=entry_point.name, group=entry_point.group, source=entry_point.dist, entry_point=entry_point.value
    )


def _claimant(extension: Extension) -> str:
    who = f"{extension.distribution} {extension.version}" if extension.distribution else "a package without metadata"
    return f"{who} ({extension.entry_point})"


def _judge(extension: Extension, config: Config) -> None:
    """Settle what metadata can settle: refused, or switched off."""
    if config.allowed is not None and not config.allows(extension.distribution):
        extension.status, extension.reason = "blocked", "its distribution is not named in HOSTING_ALLOW"
    elif config.disables(extension.name):
        extension.status, extension.reason = "disabled", DISABLED


def _switch_off(extensions: Iterable[Extension]) -> None:
    for extension in extensions:
        if extension.status == "idle":
            extension.status, extension.reason = "disabled", OFF


def _settle(rivals: list[Extension]) -> None:
    """Two that claim one name: neither loads."""
    if len(rivals) < 2:
        return
    claimants = " and by ".join(_claimant(rival) for rival in rivals)
    message = f"the name {rivals[0].name!r} is claimed by {claimants}; neither is loaded"
    for extension in rivals:
        extension.status, extension.reason = "failed", "its name is claimed twice"
        extension.error = Failure("discovery", "DuplicateName", message, "", _how_to_choose(rivals))


def _how_to_choose(rivals: list[Extension]) -> str:
    names = sorted({rival.distribution or "" for rival in rivals})
    if len(names) == 1:
        return f"Tell the author of {names[0]}: one package may use a name for one entry point only."
    choice = " or ".join(names)
    return f"Keep one: uninstall the other, or set HOSTING_ALLOW to all the distributions that may load, with {choice}."
