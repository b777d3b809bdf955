"""What a person asked for: the ``extensionHost`` section of host.json, and the environment over it for one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from hosting._text import canonical_name, comma_separated, did_you_mean
from hosting.core import NOTHING
from hosting.errors import SettingsError

FLAG = "PYTHON_ENABLE_WORKER_EXTENSIONS"
TRUE = frozenset({"1", "true", "t", "yes", "y"})
"""What Azure's worker reads as true, in any case."""


class Budgets(NamedTuple):
    """Seconds that an async hook may take; a sync hook past it is reported."""

    hook: float = 5.0
    startup: float = 30.0
    shutdown: float = 10.0


class ExtensionConfig(NamedTuple):
    """One extension's part: its settings and the functions it is for or not for (wildcards; case ignored)."""

    settings: Mapping[str, Any] = NOTHING
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def includes(self, function_name: str) -> bool:
        """Return whether ``functions.include`` names the function."""
        return _matches(function_name, self.include)

    def excludes(self, function_name: str) -> bool:
        """Return whether ``functions.exclude`` names the function."""
        return _matches(function_name, self.exclude)


class Config(NamedTuple):
    """The whole section, read and checked. Names of extensions are kept as written, and compare ignoring case."""

    enabled: bool = False
    order: tuple[str, ...] = ()
    disabled: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    allowed: frozenset[str] | None = None
    quarantine_after: int = 20
    budgets: Budgets = Budgets()
    extensions: Mapping[str, ExtensionConfig] = NOTHING

    def of(self, extension: str) -> ExtensionConfig:
        """What is said of one extension."""
        same = (config for name, config in self.extensions.items() if folded(name) == folded(extension))
        return next(same, ExtensionConfig())

    def disables(self, extension: str) -> bool:
        """Return whether the extension is disabled."""
        return folded(extension) in map(folded, self.disabled)

    def allows(self, distribution: str | None) -> bool:
        """Whether ``HOSTING_ALLOW`` lets the distribution load; without it every one may."""
        return self.allowed is None or (distribution is not None and canonical_name(distribution) in self.allowed)


def read(section: Mapping[str, Any] | None, environ: Mapping[str, str]) -> Config:
    """Read and check the section.

    Raises:
        SettingsError: a key or a value is not what it should be; the message names it.
    """
    reader = _Section({} if section is None else section, "extensionHost")
    reader.knows("order", "disabled", "required", "quarantine", "budgets", "extensions")
    quarantine = reader.child("quarantine")
    quarantine.knows("consecutiveErrors")
    allowed = comma_separated(environ.get("HOSTING_ALLOW", ""))
    return Config(
        enabled=is_enabled(environ),
        order=_order(reader.names("order")),
        disabled=frozenset((*reader.names("disabled"), *comma_separated(environ.get("HOSTING_DISABLE", "")))),
        required=_unique((*reader.names("required"), *comma_separated(environ.get("HOSTING_REQUIRE", "")))),
        allowed=frozenset(map(canonical_name, allowed)) if allowed else None,
        quarantine_after=quarantine.count("consecutiveErrors", 20),
        budgets=_budgets(reader.child("budgets")),
        extensions=_extensions(reader.child("extensions")),
    )


def is_enabled(environ: Mapping[str, str]) -> bool:
    """Whether extensions are switched on, read as Azure's worker reads its flags."""
    return environ.get(FLAG, "").strip().lower() in TRUE


def folded(name: str) -> str:
    """A name of an extension or a function as names compare: ignoring case."""
    return name.casefold()


def _matches(function_name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(folded(function_name), folded(pattern)) for pattern in patterns)


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each name once, as it is written first."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(folded(name), name)
    return tuple(first.values())


def _twice(names: tuple[str, ...]) -> list[str]:
    counts = Counter(map(folded, names))
    return sorted({name for name in names if counts[folded(name)] > 1})


def _order(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = _twice(names)
    if twice:
        raise SettingsError(
            f"host.json: extensionHost.order names {', '.join(twice)} more than once",
            remedy="Name each extension once; '*' stands for all the others.",
        )
    return names


def _budgets(reader: _Section) -> Budgets:
    reader.knows("hook", "startup", "shutdown")
    default = Budgets()
    return Budgets(*(reader.number(key, getattr(default, key)) for key in ("hook", "startup", "shutdown")))


def _extensions(reader: _Section) -> dict[str, ExtensionConfig]:
    twice = _twice(tuple(reader.values))
    if twice:
        raise SettingsError(
            f"host.json: {reader.path} names one extension more than once: {', '.join(twice)}",
            remedy="Names compare ignoring case: make one object of them.",
        )
    return {name: _extension(reader.child(name)) for name in reader.values}


def _extension(reader: _Section) -> ExtensionConfig:
    reader.knows("settings", "functions")
    functions = reader.child("functions")
    functions.knows("include", "exclude")
    return ExtensionConfig(reader.child("settings").values, functions.names("include"), functions.names("exclude"))


class _Section:
    """One JSON object of the section, with the path that errors name."""

    def __init__(self, values: Any, path: str) -> None:
        if not isinstance(values, Mapping):
            raise _wrong(path, "an object", values)
        self.values: Mapping[str, Any] = values
        self.path = path

    def knows(self, *keys: str) -> None:
        """Raise SettingsError for a key that is not among ``keys``."""
        for key in self.values:
            if key not in keys:
                remedy = did_you_mean(key, keys) or f"It may have: {', '.join(keys)}."
                raise SettingsError(f"host.json: {self.path} has an unknown key {key!r}", remedy=remedy)

    def child(self, key: str) -> _Section:
        """Return a section inside of this one; empty if it is missing."""
        return _Section(self.values.get(key, {}), f"{self.path}.{key}")

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list of names; raises SettingsError for anything else."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise _wrong(f"{self.path}.{key}", "a list of names", value)
        return tuple(value)

    def number(self, key: str, default: float) -> float:
        """Return a positive number; raises SettingsError for anything else."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise _wrong(f"{self.path}.{key}", "a number above zero", value)
        return value

    def count(self, key: str, default: int) -> int:
        """Return a whole number; raises SettingsError for anything else."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise _wrong(f"{self.path}.{key}", "a whole number above zero", value)
        return value


def _wrong(path: str, expected: str, found: Any) -> SettingsError:
    return SettingsError(
        f"host.json: {path} must be {expected}, found {found!r}",
        remedy=f"Mend it in host.json, or in AzureFunctionsJobHost__{path.replace('.', '__')} where that is set.",
    )
