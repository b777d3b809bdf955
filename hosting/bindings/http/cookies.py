"""Cookies of responses: they are sent as the function wrote them, with a warning about those that Azure would not send.

Azure's worker parses each ``Set-Cookie`` header. Source: ``parse_to_rpc_http_cookie_list`` in its ``datumdef.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from http.cookies import CookieError, SimpleCookie

from hosting._log import host_logger

_DATE = "%a, %d %b %Y %H:%M:%S GMT"


class CookieWarnings:
    """Warns about the cookies of one function that Azure's worker would lose or refuse, once for each reason.

    Args:
        function: the function's name.
    """

    def __init__(self, function: str) -> None:
        self._function = function
        self._reasons: set[str] = set()

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Check the ``set-cookie`` headers of a response."""
        for name, value in headers:
            if name == b"set-cookie":
                self._warn(value.decode("ascii"))

    def _warn(self, header: str) -> None:
        reason = reason_to_drop(header)
        if reason is None or reason in self._reasons:
            return
        self._reasons.add(reason)
        name, has_name, _ = header.partition(";")[0].partition("=")
        subject = f"the cookie '{name.strip()}'" if has_name else "a cookie without a name"
        text = "Function '%s': Azure would not send %s like this, but hosting does: %s."
        host_logger(f"function.{self._function}").warning(text, self._function, subject, reason)


def reason_to_drop(header: str) -> str | None:
    """Return why Azure's worker would not send a cookie, without its value; None if it would.

    Args:
        header: the value of the ``Set-Cookie`` header.
    """
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return "its name or an attribute is not valid, which fails the invocation"
    if not cookies:
        return "Python's http.cookies cannot parse it, so it is lost"
    for cookie in cookies.values():
        if cookie["expires"] and not _is_date(cookie["expires"]):
            return "Expires is not a date such as 'Thu, 12 Jan 2017 13:55:08 GMT', which can fail the invocation"
        if cookie["max-age"] and not _is_number(cookie["max-age"]):
            return "Max-Age is not a number"
    return None


def _is_date(text: str) -> bool:
    try:
        return bool(datetime.strptime(text, _DATE))
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
