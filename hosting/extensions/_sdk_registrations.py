"""What Azure's SDK has registered of its own interface of extensions: read, and written back."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any, NamedTuple


class SdkRegistrations(NamedTuple):
    """What the SDK itself has registered at one time: the hooks of apps, those of functions, and their names."""

    app: Any
    functions: dict[str, Any]
    names: dict[str, Any]

    @classmethod
    def read(cls) -> SdkRegistrations:
        """Return a copy of what is registered now."""
        from azure.functions.extension import ExtensionMeta

        functions = {trigger: _copy(hooks) for trigger, hooks in ExtensionMeta._func_exts.items()}
        return cls(_copy(ExtensionMeta._app_exts), functions, deepcopy(ExtensionMeta._info))

    def write(self) -> None:
        """Let exactly this be registered, and everything else register again when its module is imported again."""
        from azure.functions.extension import ExtensionMeta

        known = {id(_owner(hook)) for hook in self._hooks()}
        gone = [hook for hook in self.read()._hooks() if id(_owner(hook)) not in known]
        _forget_modules(gone)
        ExtensionMeta._app_exts, ExtensionMeta._func_exts, ExtensionMeta._info = self

    def _hooks(self) -> Iterator[Any]:
        yield from _stored(self.app or ())
        for hooks in self.functions.values():
            yield from _stored(hooks)


def _owner(hook: Any) -> Any:
    """Return the class or the instance whose hook it is."""
    return getattr(hook.ext_impl, "__self__", hook.ext_impl)


def _copy(hooks: Any) -> Any:
    return None if hooks is None else type(hooks)(*map(list, hooks))


def _forget_modules(hooks: Iterable[Any]) -> None:
    for hook in hooks:
        module = getattr(_owner(hook), "__module__", None)
        if isinstance(module, str) and module != "__main__" and hasattr(sys.modules.get(module), hook.ext_name):
            del sys.modules[module]


def _stored(hooks: Sequence[list[Any]]) -> Iterator[Any]:
    for kind in hooks:
        yield from kind
