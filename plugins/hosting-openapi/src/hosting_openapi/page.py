"""The page: Swagger UI with the document, from an installed package, and the headers that keep it to this origin."""

from __future__ import annotations

import gzip
import html
import posixpath
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

SCRIPT, STYLE, START = "swagger-ui-bundle.js", "swagger-ui.css", "start.js"
SOURCES = MappingProxyType(
    {"fastapi-swagger": "fastapi_swagger/resources", "flask-swagger-ui": "flask_swagger_ui/dist"}
)
"""The folder with Swagger UI in each package that has a copy of it. Nothing of these packages is imported."""
MEDIA_TYPES = MappingProxyType({SCRIPT: "text/javascript", STYLE: "text/css", START: "text/javascript"})

OWN = "'self'"

_START = """\
"use strict";
const root = document.getElementById("swagger-ui");
const code = new URLSearchParams(location.search).get("code");
const address = new URL(root.dataset.document, location.href);
if (code) address.searchParams.set("code", code);
const ui = SwaggerUIBundle({
  url: address.href,
  domNode: root,
  deepLinking: true,
  validatorUrl: null,
  onComplete: () => {
    if (code) ui.preauthorizeApiKey("function_key", code);
  },
});
"""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{base}{style}?v={version}">
</head>
<body>
<div id="swagger-ui" data-document="{document}"></div>
<script src="{base}{script}?v={version}"></script>
<script src="{base}{start}?v={version}"></script>
</body>
</html>
"""


class SwaggerUi(NamedTuple):
    """An installed copy of Swagger UI.

    Args:
        folder: its folder.
        version: the version of the package that it is in.
    """

    folder: Path
    version: str


class Assets:
    """The files of the page, read when they are first asked for.

    Args:
        swagger_ui: the copy of Swagger UI.
    """

    def __init__(self, swagger_ui: SwaggerUi) -> None:
        self.swagger_ui = swagger_ui
        self._compressed: dict[str, bytes] = {}

    def get(self, name: str, *, compressed: bool) -> bytes | None:
        """Return a file; None if there is none of this name.

        Args:
            name: its name, one of ``MEDIA_TYPES``.
            compressed: whether to return it compressed by gzip.
        """
        if name not in MEDIA_TYPES:
            return None
        if not compressed:
            return _START.encode() if name == START else (self.swagger_ui.folder / name).read_bytes()
        if name not in self._compressed:
            self._compressed[name] = gzip.compress(self.get(name, compressed=False) or b"", 6, mtime=0)
        return self._compressed[name]


def find_swagger_ui() -> SwaggerUi | None:
    """Return the first installed copy of Swagger UI; None if there is none."""
    for name, folder in SOURCES.items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        path = _folder(found, folder)
        if (path / SCRIPT).is_file() and (path / STYLE).is_file():
            return SwaggerUi(path, found.version)
    return None


def _folder(found: Distribution, folder: str) -> Path:
    return Path(str(found.locate_file(folder)))


def page_of(title: str, page: str, document: str, version: str, *, is_slashed: bool = False) -> bytes:
    """Return the page.

    Args:
        title: the title of the API.
        page: the route of the page.
        document: the route of the document, below the same prefix.
        version: the version of Swagger UI, so that browsers ask for a new one once.
        is_slashed: whether the page was asked for with a slash at its end, which relative addresses depend on.
    """
    relative = posixpath.relpath(document, page if is_slashed else posixpath.dirname(page) or ".")
    base = "" if is_slashed else f"{posixpath.basename(page)}/"
    return _PAGE.format(
        title=html.escape(title),
        base=html.escape(base),
        document=html.escape(relative),
        version=html.escape(version),
        script=SCRIPT,
        style=STYLE,
        start=START,
    ).encode()


def policy(servers: Iterable[str]) -> str:
    """Return the page's Content-Security-Policy: scripts of this origin only, calls to it and to the API's servers.

    Args:
        servers: the addresses of the API.
    """
    parts = [urlsplit(server) for server in servers]
    absolute = [one for one in parts if one.scheme in ("http", "https") and one.netloc]
    origins = sorted({f"{one.scheme}://{one.netloc}" for one in absolute})
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        f"connect-src {' '.join((OWN, *origins))}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
