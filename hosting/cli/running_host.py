"""A running host, as commands see it: its admin endpoints over HTTP, and the options that say where it is."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import click

from hosting.cli.connection import open_connection
from hosting.errors import HostingError, UsageError

DEFAULT_URL = "http://localhost:7071"
URL_SETTING = "HOSTING_URL"
KEY_SETTING = "HOSTING_MASTER_KEY"
_TIMEOUT_SECONDS = 10.0
_KEY_REMEDY = f"Set {KEY_SETTING}, or pass --key; 'hosting keys APP_DIR' prints the master key."

F = TypeVar("F", bound=Callable[..., Any])


class Response(NamedTuple):
    """A response to one request."""

    status: int
    body: bytes
    type: str
    """Its content type, in lower case and without parameters."""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class RunningHost:
    """A host that is asked over HTTP.

    Args:
        url: scheme, name and port.
        key: the master key; empty for none.

    Raises:
        UsageError: the URL is not one, or the key cannot be one.
    """

    def __init__(self, url: str, key: str = "") -> None:
        address = urlsplit(url if "://" in url else f"http://{url}")
        if not key.isascii() or not key.isprintable():
            raise UsageError(
                f"The value of --key or {KEY_SETTING} is not a key: keys have only ASCII characters, and no line ends.",
                remedy="Print the master key with 'hosting keys APP_DIR'.",
            )
        if address.scheme not in ("http", "https") or not address.hostname or _port(address) is None:
            raise UsageError(
                f"{url!r} is not the address of a host.", remedy=f"Write it as {DEFAULT_URL}, which is the default."
            )
        self.url = f"{address.scheme}://{address.netloc}"
        self._address = address
        self._key = key

    def document(self, path: str, *lists: str, **params: str | int) -> Any:
        """Return the JSON document at a path below ``/admin``.

        Args:
            path: the path.
            lists: names of its lists of objects.
            params: the query.

        Raises:
            HostingError: no host answers there, or it refuses, or the document is another one.
        """
        query = urlencode({name: value for name, value in params.items() if value != ""})
        found = self._checked(self.request("GET", f"/admin/{path}{query and f'?{query}'}"))
        for items in (found[name] for name in lists):
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise _not_a_host(self.url)
        return found

    def run(self, function: str, text: str | None) -> Any:
        """Run a function that is not triggered by HTTP, and return what came of it. See ``document``."""
        body = json.dumps({} if text is None else {"input": text}).encode()
        return self._checked(self.request("POST", f"/admin/functions/{function}/run", body, timeout=None))

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        content_type: str = "application/json",
        timeout: float | None = _TIMEOUT_SECONDS,
    ) -> Response:
        """Send one request, and return the response.

        Raises:
            HostingError: no host answers.
        """
        with self._reporting(), closing(self._connection(timeout)) as connection:
            connection.request(method, path, body or None, self._headers(content_type if body else ""))
            # A response that ends with its connection has taken it over.
            with closing(connection.getresponse()) as response:
                kind = (response.getheader("content-type") or "").partition(";")[0].strip().lower()
                return Response(response.status, response.read(), kind)

    def events(self, **params: str | int) -> Iterator[tuple[str, Any]]:
        """Yield the name and the data of each event, until the host stops.

        Raises:
            HostingError: no host answers, or it refuses.
        """
        query = urlencode({name: value for name, value in params.items() if value != ""})
        with self._reporting(), ExitStack() as opened:
            connection = opened.enter_context(closing(self._connection(60.0)))
            connection.request("GET", f"/admin/host/events?{query}", headers=self._headers())
            response = opened.enter_context(closing(connection.getresponse()))
            if response.status != http.HTTPStatus.OK:
                self._checked(Response(response.status, response.read(), ""))
            if not (response.getheader("content-type") or "").startswith("text/event-stream"):
                raise _not_a_host(self.url)
            name = ""
            for line in response:
                field, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, self._parsed(value)

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        return open_connection(self._address.scheme, str(self._address.hostname), self._address.port, timeout)

    def _headers(self, content_type: str = "") -> dict[str, str]:
        return {
            **({"x-functions-key": self._key} if self._key else {}),
            **({"content-type": content_type} if content_type else {}),
        }

    def _reporting(self) -> _Reporting:
        return _Reporting(self.url)

    def _checked(self, response: Response) -> Any:
        """Return the JSON of a response. Raises HostingError for any other one."""
        if response.status == http.HTTPStatus.UNAUTHORIZED:
            what = "does not accept this key" if self._key else "needs its master key"
            raise HostingError(f"The host at {self.url} {what}.", remedy=_KEY_REMEDY)
        if response.status == http.HTTPStatus.NOT_FOUND:
            raise HostingError(
                f"The host at {self.url} has nothing there.",
                remedy="Check the name. A host that is started with --no-ui shows nothing of itself.",
            )
        if response.status != http.HTTPStatus.OK:
            text = response.text.strip() or f"status {response.status}"
            raise HostingError(f"The host at {self.url} refuses: {text}")
        found = self._parsed(response.body)
        if not isinstance(found, dict):
            raise _not_a_host(self.url)
        return found

    def _parsed(self, text: str | bytes) -> Any:
        try:
            return json.loads(text, object_hook=lambda items: _Answer(self.url, items))
        except ValueError:
            raise _not_a_host(self.url) from None


class _Answer(dict[str, Any]):
    """An object of an answer. A key that it does not have means that the answer is not that of a host of this version.

    Args:
        url: the address of the host.
        items: its items.
    """

    def __init__(self, url: str, items: Mapping[str, Any]) -> None:
        super().__init__(items)
        self._url = url

    def __missing__(self, key: str) -> Any:
        raise _not_a_host(self._url)


class _Reporting:
    """A block in which errors of the network are reported as what a person can act on.

    Args:
        url: the address of the host.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TimeoutError):
            raise HostingError(f"The host at {self._url} does not answer in time.") from error
        if isinstance(error, SSLCertVerificationError):
            raise HostingError(
                f"The certificate of the host at {self._url} is not trusted: {error.verify_message}.",
                remedy="Use the name that it is for, or set SSL_CERT_FILE to the certificates that you trust.",
            ) from error
        if isinstance(error, OSError):
            raise HostingError(
                f"No host answers at {self._url}: {error.strerror or error}.",
                remedy="Start one with 'hosting start', or name its address after the command.",
            ) from error
        if isinstance(error, http.client.IncompleteRead):
            raise HostingError(f"The host at {self._url} has ended before its answer was complete.") from error
        if isinstance(error, http.client.HTTPException):
            raise _not_a_host(self._url) from error


def running_host_options(command: F) -> F:
    """Add the argument URL and the options ``--key`` and ``--app`` to a command."""
    for decorate in (
        click.argument("url", default=DEFAULT_URL, envvar=URL_SETTING),
        click.option(
            "--app",
            "app_dir",
            type=click.Path(path_type=Path),
            default=".",
            metavar="APP_DIR",
            help="The app, for its master key if the host is on this machine (default: the current folder).",
        ),
        click.option(
            "--key",
            envvar=KEY_SETTING,
            default="",
            metavar="KEY",
            help=f"The master key of the host (default: {KEY_SETTING}, or the key of the app in --app).",
        ),
    ):
        command = decorate(command)
    return command


def connect(url: str, key: str, app_dir: Path) -> RunningHost:
    """Return the host at an address.

    Args:
        url: the address.
        key: its master key; empty to read the one of the app, which only a host on this machine gets.
        app_dir: the app.

    Raises:
        UsageError: the URL is not one.
    """
    host = RunningHost(url, key)
    if key:
        return host
    from hosting.server.cross_site import is_loopback  # costs a start of other commands what they do not need

    name = urlsplit(host.url).hostname or ""
    return RunningHost(url, _own_key(app_dir) if is_loopback(name) else "")


def _own_key(app_dir: Path) -> str:
    """Return the master key of an app on this machine; empty if it has none yet, or cannot be read."""
    from hosting.apps.folder import app_folder
    from hosting.server.key_store import StateFile, key_store
    from hosting.server.keys import MASTER

    try:
        store = key_store(app_folder(app_dir), os.environ)
        is_missing = isinstance(store, StateFile) and store.version() is None  # to load it would create it
        return "" if is_missing else store.load().named(MASTER) or ""
    except HostingError:
        return ""


def _not_a_host(url: str) -> HostingError:
    return HostingError(
        f"What answers at {url} is not a host that 'hosting start' has started, or one of another version.",
        remedy="Check the address.",
    )


def _port(address: Any) -> int | None:
    try:
        return address.port or 80
    except ValueError:
        return None


def without_token(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures without what only a page needs."""
    return {name: value for name, value in figures.items() if name != "token"}
