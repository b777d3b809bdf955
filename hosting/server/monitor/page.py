"""The page that shows the host: one HTML document with its style and its script, which loads nothing else."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from hosting.bindings.http.request import parse_headers
from hosting.bindings.http.response import Headers, HttpReply
from hosting.server.types import Scope

_STYLE = ('<link rel="stylesheet" href="page.css" />', "style", "page.css")
_SCRIPT = ('<script src="page.js"></script>', "script", "page.js")
_POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


class _Document(NamedTuple):
    plain: bytes
    compressed: bytes
    policy: str


class Page:
    """Answers requests for the page, which has no facts about the host: these need the master key, if keys do."""

    def reply(self, scope: Scope) -> HttpReply:
        """Return the page, compressed if the client takes that."""
        document = self._document
        headers: Headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", document.policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-encoding"),
        ]
        if "gzip" in parse_headers(scope["headers"]).get("accept-encoding", ""):
            return HttpReply(200, [*headers, (b"content-encoding", b"gzip")], document.compressed)
        return HttpReply(200, headers, document.plain)

    @cached_property
    def _document(self) -> _Document:
        """The page with its parts in it, so that its policy names these very parts, and a browser asks once."""
        import gzip  # these cost a start what only a look at the page needs
        from base64 import b64encode
        from hashlib import sha256
        from importlib.resources import files

        folder = files("hosting.server.monitor") / "files"
        text = (folder / "page.html").read_text("utf-8")
        sources = {}
        for reference, tag, name in (_STYLE, _SCRIPT):
            content = (folder / name).read_text("utf-8")
            text = text.replace(reference, f"<{tag}>{content}</{tag}>")
            sources[tag] = f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
        plain = text.encode()
        return _Document(plain, gzip.compress(plain, mtime=0), _POLICY.format(**sources))
