"""An identity provider for tests: it issues real tokens, and needs no network.

``IdentityProvider`` belongs into the tests of an app: ``make_host(app, extensions={"auth": provider.extension()},
host_json=provider.host_json("my-api"))``.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hosting_auth.extension import AuthExtension

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_METADATA = "/.well-known/openid-configuration"


class IdentityProvider:
    """Issues tokens, and has metadata and keys as OpenID Connect Discovery 1.0 describes them.

    Args:
        issuer: its address, which need not exist.
        algorithm: how it signs: ``RS256`` or ``ES256``.
    """

    def __init__(self, issuer: str = "https://login.test", algorithm: str = "RS256") -> None:
        self.issuer, self.algorithm = issuer, algorithm
        self.keys: dict[str, PrivateKey] = {}
        """Its keys by their ``kid``, the newest last, which signs."""
        self.is_down = False
        """Whether it answers no request for metadata and keys."""
        self.requests: list[str] = []
        """The addresses that were fetched, in order."""
        self.rotate()

    def rotate(self, *, keep: bool = True) -> str:
        """Sign with a new key from now on, and return its ``kid``.

        Args:
            keep: whether the older keys stay in the key set.
        """
        number = 1 + max((int(kid.rpartition("-")[2]) for kid in self.keys), default=0)
        kid = f"key-{number}"
        self.keys = {**(self.keys if keep else {}), kid: new_key(self.algorithm)}
        return kid

    def token(
        self,
        subject: str = "ada",
        *,
        audience: str | Sequence[str] = "my-api",
        roles: Sequence[str] = (),
        scopes: Sequence[str] = (),
        lifetime: float = 3600,
        claims: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
    ) -> str:
        """Return an access token.

        Args:
            subject: the claim ``sub``.
            audience: the claim ``aud``.
            roles: the claim ``roles``.
            scopes: the claim ``scp``.
            lifetime: the seconds until it expires.
            claims: further claims; None as a value removes one.
            headers: further header parameters.
        """
        now = int(time.time())
        payload: dict[str, Any] = {"iss": self.issuer, "sub": subject, "aud": audience, "iat": now, "nbf": now}
        payload |= {"exp": now + int(lifetime), **({"roles": list(roles)} if roles else {})}
        payload |= {**({"scp": " ".join(scopes)} if scopes else {}), **(claims or {})}
        kid = next(reversed(self.keys))
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.keys[kid], self.algorithm, {"kid": kid, "typ": "at+jwt", **(headers or {})})

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata."""
        return {"issuer": self.issuer, "jwks_uri": f"{self.issuer.rstrip('/')}/keys"}

    @property
    def key_set(self) -> dict[str, Any]:
        """Its public keys, a JSON Web Key Set."""
        return {"keys": [self._public(kid, key) for kid, key in self.keys.items()]}

    def fetch(self, url: str, seconds: float = 0) -> Mapping[str, Any]:
        """Return the document at an address, as ``AuthExtension`` fetches it.

        Raises:
            OSError: it is down, or has nothing there.
        """
        self.requests.append(url)
        documents = {_METADATA: self.metadata, "/keys": self.key_set}
        path = url.removeprefix(self.issuer.rstrip("/"))
        if self.is_down or path not in documents:
            raise ConnectionRefusedError(f"{url} does not answer")
        return documents[path]

    def extension(self) -> AuthExtension:
        """Return the extension, which asks this provider without a network."""
        return AuthExtension(self.fetch)

    def host_json(self, *audiences: str, **settings: Any) -> dict[str, Any]:
        """Return what host.json needs to accept its tokens.

        Args:
            audiences: the audiences of the API (default: my-api).
            settings: further settings of the extension.
        """
        issuer = {"issuer": self.issuer, "audiences": list(audiences or ("my-api",)), "algorithms": [self.algorithm]}
        return {"extensionHost": {"extensions": {"auth": {"settings": {"issuers": [issuer], **settings}}}}}

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve metadata and keys on a port of this machine; its address becomes the issuer."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self.issuer
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _public(self, kid: str, key: PrivateKey) -> dict[str, Any]:
        algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        public = dict(algorithm.to_jwk(key.public_key(), as_dict=True))
        public.pop("key_ops", None)
        return {**public, "kid": kid, "use": "sig", "alg": self.algorithm}


def new_key(algorithm: str) -> PrivateKey:
    """Return a new private key for ``RS256``, ``ES256`` or their like."""
    if algorithm.startswith("ES"):
        curves: dict[str, ec.EllipticCurve] = {
            "ES256": ec.SECP256R1(),
            "ES384": ec.SECP384R1(),
            "ES512": ec.SECP521R1(),
        }
        return ec.generate_private_key(curves[algorithm])
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sign_in_header(*roles: str, subject: str = "ada", **claims: str) -> str:
    """Return a value of ``X-MS-CLIENT-PRINCIPAL``, as App Service Authentication writes it."""
    pairs = [("sub", subject), *(("roles", role) for role in roles), *claims.items()]
    document = {"auth_typ": "aad", "name_typ": "name", "role_typ": "roles"}
    document |= {"claims": [{"typ": name, "val": value} for name, value in pairs]}  # type: ignore[dict-item]
    return base64.b64encode(json.dumps(document).encode()).decode()


def _handler(provider: IdentityProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with a document of the provider."""
            try:
                status, document = 200, provider.fetch(f"{provider.issuer}{self.path}")
            except OSError:
                status, document = 503, {}
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    return Handler
