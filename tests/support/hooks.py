"""An extension of a few functions, and an app with one function for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import hosting

HELLO = {
    "function_app.py": """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route("hello")
def hello(req: func.HttpRequest) -> str:
    return "hello"
"""
}


def hooks(**functions: Any) -> Any:
    """Return an extension with these functions as its hooks."""
    return SimpleNamespace(**{name: hosting.hookimpl(function) for name, function in functions.items()})
