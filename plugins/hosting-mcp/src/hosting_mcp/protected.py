"""OAuth: the metadata of the protected resource, as RFC 9728 defines them, and the reply to a request without a token.

Tokens are checked by a guard such as hosting-auth, not here.
"""

from __future__ import annotations

import json

from azure.functions import HttpResponse

from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply
from hosting_mcp.options import ProtectedResource

_PATH = "/runtime/webhooks/mcp"


def metadata_reply(call: HttpCall, protected: ProtectedResource) -> HttpReply:
    """Return the metadata."""
    scopes = {"scopes_supported": list(protected.scopes)} if protected.scopes else {}
    document = {
        "resource": _base(call),
        "authorization_servers": list(protected.authorization_servers),
        **scopes,
        "bearer_methods_supported": ["header"],
    }
    return HttpReply(200, [(b"content-type", b"application/json")], json.dumps(document).encode())


def unauthorized_reply(call: HttpCall) -> HttpReply:
    """Return the reply that names the metadata."""
    return HttpReply(401, [(b"www-authenticate", _challenge(call).encode("latin-1", "replace"))], b"")


def refusal_reply(call: HttpCall, response: HttpResponse) -> HttpReply:
    """Return a guard's response, with the address of the metadata in its challenge."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    challenge = headers.get("www-authenticate", "")
    scheme, _, parameters = challenge.partition(" ")
    if scheme.lower() == "bearer" and parameters:
        headers["www-authenticate"] = f"{_challenge(call)}, {parameters}"
    elif not challenge:
        headers["www-authenticate"] = _challenge(call)
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    return HttpReply(response.status_code, encoded, response.get_body())


def _challenge(call: HttpCall) -> str:
    return f'Bearer resource_metadata="{_base(call)}/.well-known/oauth-protected-resource"'


def _base(call: HttpCall) -> str:
    scheme = call.url.partition("://")[0]
    return f"{scheme}://{call.headers.get('host', 'localhost')}{_PATH}"
