"""Redaction of secrets in what people and machines read: messages, tracebacks, problems and log lines."""

from __future__ import annotations


def redact(text: str) -> str:
    """Return a text with ``***`` in place of the secrets in it.

    Args:
        text: of any length, such as an error message or a traceback. A line of a log without a secret takes about a
            microsecond.
    """
    if not _may_have_secret(text):
        return text
    from hosting._secret_shapes import mask

    return mask(text)


def redact_field(name: str, value: object) -> object:
    """Return the value of a field of a log line: ``***`` where its name is that of a secret, a text without secrets.

    Args:
        name: the field's name.
        value: its value; one that is not a text is returned as it is.
    """
    if _has_secret_name(name.lower()):
        from hosting._secret_shapes import REDACTED, is_secret_field

        if is_secret_field(name, value):
            return REDACTED
    return redact(value) if type(value) is str else value


def _may_have_secret(text: str) -> bool:
    """Whether a mark of a secret is in a text. A loop or a pattern would take several times as long."""
    lower = text.lower()
    return (
        (
            ("=" in text or ":" in text or "--" in text or "'," in text or "</" in text)
            and (("@" in text and "://" in text) or _has_secret_name(lower))
        )
        or "bearer" in lower
        or "basic" in lower
        or "eyJ" in text
        or ("IA" in text and ("KIA" in text or "ASIA" in text))
        or "==" in text
        or "%3" in text
        or (
            "-" in text
            and (_has_token_with_hyphen(text) or (("-u" in text or "-p" in text or "-b" in text) and _has_tool(lower)))
        )
        or ("_" in text and ("k_" in text or "gh" in text))
    )


def _has_secret_name(lower: str) -> bool:
    """Whether a part of a secret's name is in a text in lower case; a loop or a pattern takes several times as long."""
    return (
        "key" in lower
        or "pass" in lower
        or "token" in lower
        or "secret" in lower
        or "sig" in lower
        or "pwd" in lower
        or "sas" in lower
        or "code" in lower
        or "cred" in lower
        or "connection" in lower
        or "dsn" in lower
        or "jwt" in lower
        or "cookie" in lower
        or "authoriz" in lower
    )


def _has_token_with_hyphen(text: str) -> bool:
    return "-----BEGIN" in text or "sk-" in text or "xox" in text or "glpat-" in text


def _has_tool(lower: str) -> bool:
    """Whether a text in lower case may have a command that takes a password with an option of one letter."""
    return "curl" in lower or "login" in lower or "mysql" in lower or "pass" in lower
