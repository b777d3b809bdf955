"""Calls that hold up an event loop, where the code is ``async``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from hosting.check.source.modules import Source

_ASYNC_HTTP = "Await an httpx.AsyncClient or an aiohttp session."
_VERBS = ("delete", "get", "head", "options", "patch", "post", "put", "request")

BLOCKING: Mapping[str, str] = {
    "time.sleep": "Write: await asyncio.sleep(...).",
    "input": "Take it out: a function has nobody to ask.",
    "os.system": "Await asyncio.create_subprocess_shell.",
    "socket.create_connection": "Await asyncio.open_connection.",
    "urllib.request.urlopen": _ASYNC_HTTP,
    **{
        f"subprocess.{name}": "Await asyncio.create_subprocess_exec."
        for name in ("call", "check_call", "check_output", "run")
    },
    **{f"{library}.{verb}": _ASYNC_HTTP for library in ("requests", "httpx") for verb in _VERBS},
}
"""What blocks, and what to write instead."""


def blocking_calls(source: Source) -> Iterator[tuple[str, str, str, int]]:
    """Find the calls: what is called, the ``async def`` it stands in, the remedy, and the line."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncFunctionDef):
            for call in _calls(node.body):
                name = source.named(call.func)
                if name in BLOCKING:
                    yield name, node.name, BLOCKING[name], call.lineno


def _calls(body: list[ast.stmt]) -> Iterator[ast.Call]:
    """The calls that run on the loop: not those of functions defined inside, which may run in a thread."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting.extend(ast.iter_child_nodes(node))
