"""The routes of the document and the page, added where the app has none of its own."""

from __future__ import annotations

from collections.abc import Callable

from azure.functions import HttpResponse

import hosting
from hosting.core import Function
from hosting_openapi.page import MEDIA_TYPES, Assets, find_swagger_ui, page_of, policy
from hosting_openapi.settings import Settings

_YEAR = "public, max-age=31536000, immutable"
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

_logger = hosting.extension_logger("openapi")


def serve(app: hosting.AppHandle, settings: Settings, document: Callable[[], bytes]) -> None:
    """Add the routes.

    Args:
        app: the app.
        settings: the settings.
        document: returns the document.
    """
    if not _is_free(app, settings.document, Settings().document):
        return
    routes = _Routes(settings, document)
    _add(app, settings.document, routes.document, "openapi", settings)
    if not _is_free(app, settings.page, Settings().page):
        return
    if routes.assets is None:
        _logger.info("The page at '%s' is not served. Run: pip install 'hosting-openapi[page]'", settings.page)
        return
    _add(app, settings.page, routes.page, "openapi_page", settings)
    # Files of a public package, without anything of the app.
    path, name = f"{settings.page}/{{file}}", _unused(app, "openapi_file")
    app.add_route(path, routes.file, name=name, auth_level="anonymous", open=True)


class _Routes:
    """What the routes return.

    Args:
        settings: the settings.
        document: returns the document.
    """

    def __init__(self, settings: Settings, document: Callable[[], bytes]) -> None:
        self._settings, self._document = settings, document
        found = find_swagger_ui()
        self.assets = None if found is None else Assets(found)

    def document(self, request: hosting.Request) -> HttpResponse:
        """Return the OpenAPI document of this API."""
        headers = {**_SAFE, "Cache-Control": "no-cache"}
        return HttpResponse(self._document(), mimetype="application/json", headers=headers)

    def page(self, request: hosting.Request) -> HttpResponse:
        """Return a page where people read the document and try operations."""
        settings, assets = self._settings, self.assets
        version = assets.swagger_ui.version if assets else ""
        is_slashed = request.path.endswith("/")
        content = page_of(settings.title, settings.page, settings.document, version, is_slashed=is_slashed)
        headers = {**_SAFE, "Cache-Control": "no-store", "Content-Security-Policy": policy(settings.servers)}
        return HttpResponse(content, mimetype="text/html", headers=headers)

    def file(self, request: hosting.Request) -> HttpResponse:
        """Return a file of the page."""
        name = request.route_params.get("file", "")
        compressed = "gzip" in request.headers.get("accept-encoding", "")
        content = self.assets.get(name, compressed=compressed) if self.assets else None
        if content is None:
            return HttpResponse("There is no such file.", status_code=404, headers=_SAFE)
        headers = {**_SAFE, "Cache-Control": _YEAR, "Vary": "Accept-Encoding"}
        headers |= {"Content-Encoding": "gzip"} if compressed else {}
        return HttpResponse(content, mimetype=MEDIA_TYPES[name], headers=headers)


def _add(
    app: hosting.AppHandle,
    path: str,
    handler: Callable[[hosting.Request], HttpResponse],
    name: str,
    settings: Settings,
) -> None:
    app.add_route(path, handler, name=_unused(app, name), auth_level=settings.auth_level, open=settings.open)


def _is_free(app: hosting.AppHandle, path: str, default: str) -> bool:
    """Return whether a route is to be added, and no function of the app responds there."""
    if not path:
        return False
    for function in app.functions:
        if _responds(function, path) or (path == default and _takes_all(function)):
            text = "'%s' is not served: function '%s' responds there. Set another route in the settings of 'openapi'."
            _logger.warning(text, path, function.name)
            return False
    return True


def _responds(function: Function, path: str) -> bool:
    if function.route is None or (function.methods and "GET" not in function.methods):
        return False
    return function.route.strip("/").casefold() == f"{function.route_prefix}/{path}".strip("/").casefold()


def _takes_all(function: Function) -> bool:
    """Return whether a function takes every path, as that of a web framework does, which has a document of its own."""
    own = (function.route or "").removeprefix(function.route_prefix).strip("/")
    return own.startswith("{*")


def _unused(app: hosting.AppHandle, name: str) -> str:
    """Return a name that no function has."""
    names = {function.name.lower() for function in app.functions}
    found, number = name, 1
    while found in names:
        number += 1
        found = f"{name}_{number}"
    return found
