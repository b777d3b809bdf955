"""Extensions without a package: objects in modules of the app, which host.json names."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from hosting._text import did_you_mean
from hosting.errors import ExtensionError

SCRIPT_SETTING = "PYTHON_SCRIPT_FILE_NAME"
_LIBRARIES = frozenset({"site-packages", "dist-packages", ".python_packages", ".venv"})


class LocalEntry(NamedTuple):
    """One item of ``extensionHost.load``.

    Args:
        name: the extension's name.
        module: the module, below the app's folder.
        attribute: the path of the object in the module; empty for the module itself.
    """

    name: str
    module: str
    attribute: str

    @classmethod
    def parse(cls, text: str) -> LocalEntry | None:
        """Return the entry that a text such as ``my_hooks:Audit`` is; None if it is none.

        The extension's name is the last name in the text, in lower case.
        """
        module, colon, attribute = text.partition(":")
        names = [*module.split("."), *(attribute.split(".") if colon else ())]
        if not all(name.isidentifier() for name in names):
            return None
        return cls(names[-1].lower(), module, attribute)

    def load(self, root: str, environ: Mapping[str, str]) -> Any:
        """Import the module, and return the object.

        Args:
            root: the app's folder.
            environ: the app's settings.

        Raises:
            ExtensionError: the module is the app itself, is not in its folder, or does not have the object.
            Exception: what the import raises.
        """
        self._check_place(os.path.realpath(root), environ)
        module = importlib.import_module(self.module)
        target: Any = module
        for name in filter(None, self.attribute.split(".")):
            if not hasattr(target, name):
                known = [one for one in vars(module) if not one.startswith("_")] if target is module else []
                remedy = did_you_mean(name, known) or f"Define it in {module.__file__}, or correct the name."
                raise ExtensionError(f"module {self.module!r} has no {self.attribute!r}", remedy=remedy)
            target = getattr(target, name)
        return target

    def _check_place(self, root: str, environ: Mapping[str, str]) -> None:
        top = self.module.partition(".")[0]
        script = environ.get(SCRIPT_SETTING) or "function_app.py"
        if top == os.path.splitext(script)[0] or os.path.isfile(os.path.join(root, top, "function.json")):
            name = self.attribute or "the object"
            raise ExtensionError(
                f"{self.module!r} is a module with functions of the app, which the host imports itself",
                remedy=f"Call hosting.extension({name}) in it, or move {name} to a module of its own.",
            )
        places = _places(top)
        if not places:
            raise ExtensionError(f"there is no module {top!r} in {root}", remedy=_similar_module(top, root))
        if not any(is_below(place, root) for place in places):
            raise ExtensionError(
                f"{top!r} is not a module of the app, but {places[0]}",
                remedy="Rename the app's module. Extensions of installed packages need no entry in extensionHost.load.",
            )


def is_below(file: str, root: str) -> bool:
    """Return whether a file is below an app's folder, and not in a package that was installed there."""
    prefix = os.path.join(root, "")
    return file.startswith(prefix) and _LIBRARIES.isdisjoint(file.removeprefix(prefix).split(os.sep))


def _places(top: str) -> list[str]:
    """Return the file of a top-level module, or the folders of a package; nothing if it does not exist."""
    import importlib.util  # few apps have extensions of their own

    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # a module in sys.modules that has no spec
        spec = None
    if spec is None:
        return []
    return [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else ())]


def _similar_module(name: str, root: str) -> str:
    known = [os.path.splitext(entry)[0] for entry in os.listdir(root) if not entry.startswith(".")]
    return did_you_mean(name, known) or 'Name a module beside host.json: "module:Class".'
