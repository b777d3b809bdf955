"""Values that tests supply in place of those of extensions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from hosting.extensions import overrides


def override(type: Any, fake: Any, /) -> AbstractContextManager[None]:  # noqa: A002 - shown to authors
    """Supply a value for parameters of a type, in the hosts that are entered in this block.

    ``with override(User, User("ada")), make_host(app) as host: ...``. No extension needs to run. An outer override of
    the same type counts again after the block.

    Args:
        type: the type in ``Annotated[type, hosting.Inject]``.
        fake: the value; or a function that gives it, with the parameters of a ``hosting.provider``.
    """
    return _overriding({**overrides.get(), type: fake})


@contextmanager
def _overriding(values: Mapping[Any, Any]) -> Iterator[None]:
    token = overrides.set(values)
    try:
        yield
    finally:
        overrides.reset(token)
