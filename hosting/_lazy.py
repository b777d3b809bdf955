"""Names of a package that are imported when they are asked for, because few of its users need them."""

from __future__ import annotations

import sys
from collections.abc import Mapping


def lazy_name(package: str, name: str, modules: Mapping[str, str]) -> object:
    """Return the value of a name for the ``__getattr__`` of a package, which has it from then on.

    Args:
        package: the package.
        name: the name.
        modules: the names that can be had, each with the module that has it.

    Raises:
        AttributeError: ``modules`` does not have the name.
    """
    if name not in modules:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(modules[name]), name)
    setattr(sys.modules[package], name, value)
    return value
