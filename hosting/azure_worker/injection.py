"""Parameters that extensions supply, in Azure's worker, which would refuse them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hosting._injection import Marked, injected_parameters, marked_result, name_of
from hosting.authoring import pending, user_function
from hosting.core import NOTHING
from hosting.errors import FunctionLoadError
from hosting.extensions import FLAG


def marked_or_none(call: Callable[..., Any]) -> tuple[Mapping[str, Any], Marked | None]:
    """Return what extensions supply for a function, and the result that one converts; the worker reports what is wrong.

    Returns:
        The types of the parameters by name, and the result if it has an extension's own mark.
    """
    if getattr(call, "__annotations__", None) is None:
        return NOTHING, None
    try:
        return injected_parameters(call), marked_result(call)
    except Exception:  # noqa: BLE001 - an annotation is the author's code, and may raise anything
        return NOTHING, None


def check_functions(built: Sequence[Any]) -> None:
    """Check that no function of an app needs an extension, because none runs.

    Args:
        built: the SDK's functions, or what an unknown SDK has in place of them, which is not looked at.

    Raises:
        FunctionLoadError: as ``check_needs_no_extension``.
    """
    for one in built:
        if hasattr(one, "get_user_function"):
            check_needs_no_extension(one.get_function_name(), user_function(one.get_user_function()))


class CheckedBuilders(list[Any]):
    """The functions of a Blueprint that is extended while no extension runs: checked when an app registers them."""

    def __iter__(self) -> Iterator[Any]:
        if not pending.hosted:
            check_functions([builder._function for builder in super().__iter__()])
        return super().__iter__()


def check_needs_no_extension(name: str, call: Callable[..., Any]) -> None:
    """Check that a function needs no extension, because none runs.

    Raises:
        FunctionLoadError: it has a parameter that an extension supplies, or a result that one converts.
    """
    remedy = f"Set {FLAG}=1 in the app's settings; if it is set, the log says why."
    injected, returned = marked_or_none(call)
    for parameter, type_ in injected.items():
        raise FunctionLoadError(
            f"parameter '{parameter}' of function '{name}' needs a {name_of(type_)} from an extension, and none runs",
            remedy=remedy,
        )
    if returned is not None:
        raise FunctionLoadError(
            f"the result of function '{name}' is {name_of(returned)}, which needs an extension, and none runs",
            remedy=remedy,
        )
