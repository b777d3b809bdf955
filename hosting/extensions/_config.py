"""Configuration: the ``extensionHost`` section of host.json, with the variables that change it for one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from hosting._text import canonical_name, comma_separated, did_you_mean, is_true
from hosting.core import NOTHING
from hosting.errors import SettingsError

if TYPE_CHECKING:
    from hosting.extensions._local import LocalEntry

FLAG = "PYTHON_ENABLE_WORKER_EXTENSIONS"
SECTION_KEYS = ("load", "order", "disabled", "required", "guards", "quarantine", "budgets", "extensions")
"""The keys of the section."""


class Budgets(NamedTuple):
    """Time limits in seconds: an async hook is cancelled then; a sync hook that takes longer is an error.

    Args:
        hook: for each hook, except the following ones.
        startup: for each ``startup`` hook.
        shutdown: for each ``shutdown`` hook.
        load: for the import of each extension, which cannot be ended and is named in the log.
    """

    hook: float = 5.0
    startup: float = 30.0
    shutdown: float = 10.0
    load: float = 30.0


class ExtensionConfig(NamedTuple):
    """Configuration of one extension.

    Args:
        settings: its settings.
        include: patterns with the wildcards ``*`` and ``?`` for the names of functions, in any case: it is for these.
        exclude: the same, for functions that it is not for.
    """

    settings: Mapping[str, Any] = NOTHING
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def includes(self, function_name: str) -> bool:
        """Return whether ``include`` has a pattern for the function."""
        return _matches(function_name, self.include)

    def excludes(self, function_name: str) -> bool:
        """Return whether ``exclude`` has a pattern for the function."""
        return _matches(function_name, self.exclude)

    def selects(self, function_name: str) -> bool:
        """Return whether ``include`` and ``exclude`` leave the function to it."""
        return not self.excludes(function_name) and (not self.include or self.includes(function_name))

    def selects_any(self, function_names: Iterable[str]) -> bool:
        """Return whether it selects a function, or ``include`` has the name of a webhook, which is not a function."""
        return any(map(self.selects, function_names)) or any("/" in pattern for pattern in self.include)


class Config(NamedTuple):
    """The configuration of an extension host. Names of extensions are as written, and equal in any case.

    Args:
        enabled: whether extensions are switched on.
        load: extensions in modules of the app.
        order: names in order, with ``*`` for all others.
        disabled: names of extensions that do not run.
        required: names of extensions without which the host does not start.
        guards: names of extensions that are guards, whatever they say themselves.
        allowed: canonical names of the distributions that may load; None for all.
        quarantine_after: the number of consecutive invocations with an error that quarantines an extension.
        budgets: time limits.
        extensions: the configuration of extensions by name.
    """

    enabled: bool = False
    load: tuple[LocalEntry, ...] = ()
    order: tuple[str, ...] = ()
    disabled: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    allowed: frozenset[str] | None = None
    quarantine_after: int = 20
    budgets: Budgets = Budgets()
    extensions: Mapping[str, ExtensionConfig] = NOTHING

    def of(self, extension: str) -> ExtensionConfig:
        """Return the configuration of one extension."""
        same = (config for name, config in self.extensions.items() if fold_name(name) == fold_name(extension))
        return next(same, ExtensionConfig())

    def disables(self, extension: str) -> bool:
        """Return whether an extension is disabled by name."""
        return fold_name(extension) in map(fold_name, self.disabled)

    def requires(self, extension: str) -> bool:
        """Return whether an extension is required by name."""
        return fold_name(extension) in map(fold_name, self.required)

    def names_guard(self, extension: str) -> bool:
        """Return whether an extension is named as a guard."""
        return fold_name(extension) in map(fold_name, self.guards)

    def allows(self, distribution: str | None) -> bool:
        """Return whether a distribution may load."""
        return self.allowed is None or (distribution is not None and canonical_name(distribution) in self.allowed)


def allowed_distributions(environ: Mapping[str, str]) -> frozenset[str] | None:
    """Return the canonical names in ``HOSTING_ALLOW``; None if it is not set, and every distribution may load."""
    names = comma_separated(environ.get("HOSTING_ALLOW", ""))
    return frozenset(map(canonical_name, names)) if names else None


def read(section: Mapping[str, Any] | None, environ: Mapping[str, str]) -> Config:
    """Read and check the configuration.

    Args:
        section: the ``extensionHost`` section of host.json, if it has one.
        environ: the environment variables.

    Raises:
        SettingsError: a key is unknown or a value is wrong; the message names the key.
    """
    reader = _Section({} if section is None else section, "extensionHost")
    reader.check_keys(*SECTION_KEYS)
    quarantine = reader.child("quarantine")
    quarantine.check_keys("consecutiveErrors")
    disabled = _named(reader, "disabled", environ, "HOSTING_DISABLE")
    guards = _named(reader, "guards", environ, "HOSTING_GUARDS")
    _check_contradictions(guards, disabled)
    return Config(
        enabled=is_enabled(environ),
        load=_load(reader.names("load")),
        order=_order(reader.names("order")),
        disabled=frozenset(disabled),
        required=_unique(tuple(_named(reader, "required", environ, "HOSTING_REQUIRE"))),
        guards=_unique(tuple(guards)),
        allowed=allowed_distributions(environ),
        quarantine_after=quarantine.count("consecutiveErrors", 20),
        budgets=_budgets(reader.child("budgets")),
        extensions=_extensions(reader.child("extensions")),
    )


def is_enabled(environ: Mapping[str, str]) -> bool:
    """Return whether ``PYTHON_ENABLE_WORKER_EXTENSIONS`` is true, read as Azure's worker reads it."""
    return is_true(environ.get(FLAG, ""))


def fold_name(name: str) -> str:
    """Return the name of an extension or a function in the form in which names are equal in any case."""
    return name.casefold()


def _matches(function_name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(fold_name(function_name), fold_name(pattern)) for pattern in patterns)


def _named(reader: _Section, key: str, environ: Mapping[str, str], variable: str) -> dict[str, str]:
    """Return the names in a list of host.json and in a variable, each with the place that has it."""
    in_file = dict.fromkeys(reader.names(key), f"{reader.path}.{key} in host.json")
    return {**in_file, **dict.fromkeys(comma_separated(environ.get(variable, "")), variable)}


def _check_contradictions(guards: Mapping[str, str], disabled: Mapping[str, str]) -> None:
    """Raise SettingsError for a guard that is disabled: one of the two words has to go."""
    places = {fold_name(name): place for name, place in disabled.items()}
    for name, place in guards.items():
        if fold_name(name) in places:
            raise SettingsError(
                f"'{name}' is a guard by {place}, and disabled by {places[fold_name(name)]}",
                remedy="Remove one of the two: without its guard, functions are open to everybody.",
            )


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return each name once, in its first spelling."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(fold_name(name), name)
    return tuple(first.values())


def _duplicates(names: tuple[str, ...]) -> list[str]:
    counts = Counter(map(fold_name, names))
    return sorted({name for name in names if counts[fold_name(name)] > 1})


def _load(texts: tuple[str, ...]) -> tuple[LocalEntry, ...]:
    if not texts:
        return ()
    from hosting.extensions._local import LocalEntry

    entries = []
    for index, text in enumerate(texts):
        entry = LocalEntry.parse(text)
        if entry is None:
            raise SettingsError(
                f"host.json: extensionHost.load[{index}] must be 'module:Class', found {text!r}",
                remedy="Name a module in the app's folder, and the class or object in it.",
            )
        entries.append(entry)
    duplicates = _duplicates(tuple(entry.name for entry in entries))
    if duplicates:
        raise SettingsError(
            f"host.json: extensionHost.load gives several extensions one name: {', '.join(duplicates)}",
            remedy="The name is the part after the colon in lower case: rename one, or register it in the app's code "
            "with hosting.extension(..., name=...).",
        )
    return tuple(entries)


def _order(names: tuple[str, ...]) -> tuple[str, ...]:
    duplicates = _duplicates(names)
    if duplicates:
        raise SettingsError(
            f"host.json: extensionHost.order names {', '.join(duplicates)} more than once",
            remedy="Name each extension once; '*' stands for all the others.",
        )
    return names


def _budgets(reader: _Section) -> Budgets:
    reader.check_keys(*Budgets._fields)
    default = Budgets()
    return Budgets(*(reader.number(key, getattr(default, key)) for key in Budgets._fields))


def _extensions(reader: _Section) -> dict[str, ExtensionConfig]:
    duplicates = _duplicates(tuple(reader.values))
    if duplicates:
        raise SettingsError(
            f"host.json: {reader.path} names one extension more than once: {', '.join(duplicates)}",
            remedy="Merge them into one object: names are equal in any case.",
        )
    return {name: _extension(reader.child(name)) for name in reader.values}


def _extension(reader: _Section) -> ExtensionConfig:
    reader.check_keys("settings", "functions")
    functions = reader.child("functions")
    functions.check_keys("include", "exclude")
    settings = dict(reader.child("settings").values)
    return ExtensionConfig(settings, functions.names("include"), functions.names("exclude"))


class _Section:
    """Reader of one JSON object of the section.

    Args:
        values: the object.
        path: its keys from the section on, for messages.

    Raises:
        SettingsError: it is not an object.
    """

    def __init__(self, values: Any, path: str) -> None:
        if not isinstance(values, Mapping):
            raise _wrong(path, "an object", values)
        self.values: Mapping[str, Any] = values
        self.path = path

    def check_keys(self, *keys: str) -> None:
        """Raise SettingsError for a key that is not among ``keys``."""
        folded = {fold_name(key) for key in keys}
        for key in self.values:
            if fold_name(key) not in folded:
                remedy = did_you_mean(key, keys) or f"Known keys: {', '.join(keys)}."
                raise SettingsError(f"host.json: {self.path} has an unknown key {key!r}", remedy=remedy)

    def _value(self, key: str, default: Any) -> Any:
        """Return the value of a key in any case, as .NET reads host.json; an exact match comes first."""
        if key in self.values:
            return self.values[key]
        return next((value for name, value in self.values.items() if fold_name(name) == fold_name(key)), default)

    def child(self, key: str) -> _Section:
        """Return a section inside of this one; empty if it is missing."""
        return _Section(self._value(key, {}), f"{self.path}.{key}")

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list of names; raises SettingsError for anything else."""
        value = self._value(key, [])
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise _wrong(f"{self.path}.{key}", "a list of names", value)
        return tuple(value)

    def number(self, key: str, default: float) -> float:
        """Return a positive number; raises SettingsError for anything else."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise _wrong(f"{self.path}.{key}", "a number above zero", value)
        return value

    def count(self, key: str, default: int) -> int:
        """Return a whole number; raises SettingsError for anything else."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise _wrong(f"{self.path}.{key}", "a whole number above zero", value)
        return value


def _wrong(path: str, expected: str, found: Any) -> SettingsError:
    return SettingsError(
        f"host.json: {path} must be {expected}, found {found!r}",
        remedy=f"Correct it in host.json, or in AzureFunctionsJobHost__{path.replace('.', '__')} where that is set.",
    )
