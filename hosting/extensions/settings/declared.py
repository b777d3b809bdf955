"""The settings classes that an extension declares; apart from its models, which only few extensions need."""

from __future__ import annotations

import inspect
from typing import Any


def settings_class(target: Any, attribute: str = "settings") -> Any:
    """Return the class that an extension's ``settings`` names; None if it has none.

    Only a class counts: modules, objects and properties of that name are the extension's own affair.

    Args:
        target: the module, class or object with the hooks.
        attribute: ``function_settings`` for the class of the settings of single functions.
    """
    found = inspect.getattr_static(target, attribute, None)
    return found if inspect.isclass(found) else None
