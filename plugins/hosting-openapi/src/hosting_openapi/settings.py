"""The settings of the app, and those of one function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


def _about(text: str, default: Any = "") -> Any:
    return field(default=default, metadata={"description": text})


@dataclass
class Settings:
    """What the document says of the app, and where it is served."""

    title: str = _about("The title of the API.", "Function app")
    version: str = _about("The version of the API.", "1.0.0")
    description: str = _about("What the API is for, in Markdown.")
    servers: tuple[str, ...] = _about("The addresses of the API (default: where the document comes from).", ())
    document: str = _about("The route of the document; empty if it is not served.", "openapi.json")
    page: str = _about("The route of the page; empty if it is not served.", "docs")
    auth_level: Literal["anonymous", "function", "admin"] = _about(
        "Who may read the document and the page.", "function"
    )
    open: bool = _about("Serve both without asking guards, such as hosting-auth.", False)
    routes_of: tuple[str, ...] = _about("Names of installed extensions; their routes are in the document, too.", ())
    check_responses: bool | None = _about("Check responses (default: when the environment is Development).", None)

    def __post_init__(self) -> None:
        for name in ("document", "page"):
            setattr(self, name, getattr(self, name).strip("/"))
        if self.document and self.document == self.page:
            raise ValueError(f"document and page have the same route, {self.page!r}")
        if "{" in self.document + self.page:
            raise ValueError("the routes of document and page have no parameters")


@dataclass
class Operation:
    """What the document says of one function: ``@hosting.use("openapi", tags=["orders"])``."""

    hidden: bool = _about("Leave the function out of the document.", False)
    deprecated: bool = _about("Mark its operations as deprecated.", False)
    tags: tuple[str, ...] = _about("The tags of its operations.", ())
    summary: str = _about("The summary of its operations (default: the first line of its docstring).")
    operation_id: str = _about("The name of its operations (default: that of the function).")
