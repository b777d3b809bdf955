"""Session ids: stateless, as in Azure: each says which server has made it, and nothing is kept for it."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import string
from binascii import Error
from collections.abc import Mapping

_ALPHABET = string.ascii_lowercase + string.digits
_LENGTH = 16
_PLAIN = re.compile(rf"[a-z0-9]{{{_LENGTH}}}\|[a-z0-9]{{{_LENGTH}}}")
_MAC_BYTES = 32
_KEY_SETTINGS = ("WEBSITE_AUTH_ENCRYPTION_KEY", "CONTAINER_ENCRYPTION_KEY")


class SessionIds:
    """Makes and checks session ids: ``ID|INSTANCE``, or the same sealed with a key.

    Args:
        environ: the app's settings, with the key in ``WEBSITE_AUTH_ENCRYPTION_KEY`` or ``CONTAINER_ENCRYPTION_KEY``.
        is_sealed: whether ids are sealed, if there is a key. Core Tools' setting comes before it, as in Azure.
    """

    def __init__(self, environ: Mapping[str, str], *, is_sealed: bool) -> None:
        self.instance = random_text()
        """Names this process."""
        self._key: bytes | None = None
        if is_sealed and "FUNCTIONS_CORETOOLS_ENVIRONMENT" not in environ:
            self._key = next(filter(None, (environ.get(name, "").encode() for name in _KEY_SETTINGS)), None)

    def new(self) -> str:
        """Return a new session id, as clients get it."""
        text = f"{random_text()}|{self.instance}"
        if self._key is None:
            return text
        return base64.urlsafe_b64encode(text.encode() + self._mac(self._key, text)).decode().rstrip("=")

    def instance_of(self, session_id: str) -> str:
        """Return which process has made a session id; it may have ended since.

        Raises:
            ValueError: no server of this app has made the id.
        """
        text = session_id if self._key is None else self._opened(self._key, session_id)
        if not _PLAIN.fullmatch(text):
            raise ValueError("not a session id")
        return text.partition("|")[2]

    def _opened(self, key: bytes, sealed: str) -> str:
        try:
            content = base64.urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
            text = content[:-_MAC_BYTES].decode("ascii")
        except (Error, UnicodeError) as error:
            raise ValueError("not a session id") from error
        if not hmac.compare_digest(content[-_MAC_BYTES:], self._mac(key, text)):
            raise ValueError("not a session id of this app")
        return text

    @staticmethod
    def _mac(key: bytes, text: str) -> bytes:
        return hmac.digest(key, b"hosting-mcp session " + text.encode(), "sha256")


def random_text() -> str:
    """Return 16 random characters of a-z and 0-9."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
