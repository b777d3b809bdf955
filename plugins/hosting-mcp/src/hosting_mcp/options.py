"""The section ``extensions.mcp`` of host.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hosting.bindings import Services
from hosting.errors import SettingsError

_SECTION = "extensions.mcp"


class ProtectedResource(NamedTuple):
    """What the metadata of the protected resource say, as RFC 9728 defines them.

    Args:
        authorization_servers: the issuers of tokens, as URLs.
        scopes: the scopes that a token needs.
    """

    authorization_servers: tuple[str, ...]
    scopes: tuple[str, ...] = ()


class BeyondAzure(NamedTuple):
    """What Azure's extension does not have. All of it is off by default.

    Args:
        page_size: the number of entries in one part of a list; 0 for whole lists.
        streams: whether ``GET`` opens a stream that reports changed lists.
        notifications: whether functions report progress and log messages to the client that waits for them.
        completion: whether ``completion/complete`` is answered.
        protected_resource: which tokens clients need; None for no metadata.
    """

    page_size: int = 0
    streams: bool = False
    notifications: bool = False
    completion: bool = False
    protected_resource: ProtectedResource | None = None


class McpOptions(NamedTuple):
    """The options of the server.

    Args:
        server_name: its name.
        server_version: its version.
        instructions: how to use it, for the model; None for none.
        encrypts_state: whether session ids are sealed, if there is a key.
        uses_absolute_uri: whether the address for messages of a legacy session is absolute.
        beyond: what Azure's extension does not have.
    """

    server_name: str = "Azure Functions MCP server"
    server_version: str = "1.0.0"
    instructions: str | None = None
    encrypts_state: bool = True
    uses_absolute_uri: bool = False
    beyond: BeyondAzure = BeyondAzure()


def read_options(services: Services) -> McpOptions:
    """Return the options of an app.

    Raises:
        SettingsError: an option has a wrong type, or is unknown in ``beyondAzure``.
    """
    section = _Section(_SECTION, services.section("extensions", "mcp"))
    default = McpOptions()
    messages = section.section("messageOptions")
    return McpOptions(
        section.text("serverName") or default.server_name,
        section.text("serverVersion") or default.server_version,
        section.text("instructions"),
        section.flag("encryptClientState", default=True),
        messages.flag("useAbsoluteUriForEndpoint"),
        _read_beyond(section.section("beyondAzure")),
    )


def _read_beyond(section: _Section) -> BeyondAzure:
    section.check_known("pageSize", "streams", "notifications", "completion", "protectedResource")
    return BeyondAzure(
        section.number("pageSize"),
        section.flag("streams"),
        section.flag("notifications"),
        section.flag("completion"),
        _read_protected(section.section("protectedResource")),
    )


def _read_protected(section: _Section) -> ProtectedResource | None:
    section.check_known("authorizationServers", "scopes")
    servers = section.texts("authorizationServers")
    if not servers and section.is_given:
        raise section.wrong("authorizationServers", "a list with the URL of at least one issuer", None)
    return ProtectedResource(servers, section.texts("scopes")) if servers else None


class _Section:
    """An object in host.json, with keys that ignore case.

    Args:
        path: where it is, for messages.
        values: its content.
    """

    def __init__(self, path: str, values: Mapping[str, Any]) -> None:
        self._path = path
        self._names = {name.lower(): name for name in values}
        self._values = {name.lower(): value for name, value in values.items()}

    @property
    def is_given(self) -> bool:
        """Whether it has any key."""
        return bool(self._values)

    def section(self, name: str) -> _Section:
        """Return an object in it; an empty one if it is missing."""
        value = self._values.get(name.lower())
        if value is not None and not isinstance(value, Mapping):
            raise self.wrong(name, "an object", value)
        return _Section(f"{self._path}.{name}", value or {})

    def text(self, name: str) -> str | None:
        """Return a text; None if it is missing."""
        value = self._values.get(name.lower())
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "a text", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; empty if it is missing."""
        value = self._values.get(name.lower(), [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self.wrong(name, "a list of texts", value)
        return tuple(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return true or false."""
        value = self._values.get(name.lower(), default)
        if isinstance(value, str) and value.lower() in ("true", "false"):  # as .NET reads it
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false", value)
        return value

    def number(self, name: str) -> int:
        """Return a whole number that is not negative; 0 if it is missing."""
        value = self._values.get(name.lower(), 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.wrong(name, "a whole number, 0 or more", value)
        return value

    def check_known(self, *names: str) -> None:
        """Raise SettingsError if it has another key than these."""
        for name in self._values.keys() - {name.lower() for name in names}:
            message = f"host.json: {self._path}.{self._names[name]} is not known."
            raise SettingsError(message, remedy=f"Known keys are {', '.join(names)}.")

    def wrong(self, name: str, expected: str, found: Any) -> SettingsError:
        """Return the error of a value."""
        message = f"host.json: {self._path}.{name}: expected {expected}, found {found!r}."
        return SettingsError(message, remedy="Correct the value, or remove the key.")
