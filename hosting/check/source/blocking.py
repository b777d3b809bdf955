"""Calls that block the event loop, in the ``async def`` code of a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hosting.check.source.modules import Source

_ASYNC_HTTP = "Await an httpx.AsyncClient or an aiohttp session."
_VERBS = ("delete", "get", "head", "options", "patch", "post", "put", "request")

BLOCKING: Mapping[str, str] = {
    "time.sleep": "Write: await asyncio.sleep(...).",
    "input": "Delete the call: no user can answer it.",
    "os.system": "Await asyncio.create_subprocess_shell.",
    "socket.create_connection": "Await asyncio.open_connection.",
    "urllib.request.urlopen": _ASYNC_HTTP,
    **{
        f"subprocess.{name}": "Await asyncio.create_subprocess_exec."
        for name in ("call", "check_call", "check_output", "run")
    },
    **{f"{library}.{verb}": _ASYNC_HTTP for library in ("requests", "httpx") for verb in _VERBS},
}
"""Functions that block, and what to do instead."""


class BlockingCall(NamedTuple):
    """A blocking call in an ``async def`` function; ``line`` is counted from 1."""

    called: str
    function: str
    line: int

    @property
    def message(self) -> str:
        """What blocks, and where it is called."""
        return f"{self.called} blocks in 'async def {self.function}'"

    @property
    def remedy(self) -> str:
        """What to call instead."""
        return BLOCKING[self.called]


def find_blocking_calls(source: Source) -> Iterator[BlockingCall]:
    """Yield the calls in ``async def`` functions that are known to block."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncFunctionDef):
            for call in _calls(node.body):
                name = source.qualified_name(call.func)
                if name in BLOCKING:
                    yield BlockingCall(name, node.name, call.lineno)


def _calls(body: list[ast.stmt]) -> Iterator[ast.Call]:
    """Yield the calls that run on the event loop; functions defined inside are left out: they may run in a thread."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting.extend(ast.iter_child_nodes(node))
