"""The shapes of secrets in texts, and the names that stand before them.

``hosting._redaction`` imports this when a text may have a secret: compiling the patterns would slow down each start.

Each pattern takes linear time: what may fail is bounded or starts at the beginning of a word, and what is unbounded
ends the pattern.
"""

from __future__ import annotations

import re
from typing import Literal

REDACTED = "***"
"""What replaces a secret."""

_MAX_PASSES = 4
"""A text is redacted until nothing changes, at most so often."""
_MIN_CODE_LENGTH = 20
_MIN_RANDOM_LENGTH = 8
_MIN_KEY_LENGTH = 16
_MIN_PASSWORD_LENGTH = 6

_Strength = Literal["never", "looks", "always"]
"""When a value in a text is a secret, by its name: never, where it looks like one, or always."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORD = re.compile(
    r"[a-z]*passw(?:or)?ds?|[a-z]*passphrases?|passcodes?|pass|[a-z]{0,12}pwd|[a-z]*secrets?|credentials?|creds?|sas|dsn"
    r"|[a-z]*connectionstrings?|authorization|signature|sharedaccesssignature|sig|jwt|saskey"
    r"|(?:api|access|account|auth|bearer|client|csrf|function|host|id|master|private|refresh|sas|secret|session|shared"
    r"|sharedaccess|storage|subscription|instrumentation)?(?:key|token)s?"
)
_SETTING_WORDS = frozenset({"connection"})
"""Words that make a setting secret. In a text they are ordinary words."""
_DESCRIBES = frozenset(
    {"algorithm", "bits", "count", "expires", "expiry", "format", "length", "lifetime", "name", "names", "size", "ttl"}
)
"""Last words of names that say something about a secret, such as SharedAccessKeyName."""
_PLURALS = frozenset({"keys", "tokens"})
"""A number with such a name is a count: max_tokens."""
_AMBIGUOUS = frozenset({"key", "keys", "pass", "signature", "tokens", "secrets", "credentials", "cred", "creds"})
"""Words that mean a secret in a text only where the value looks like one."""
_QUALIFIERS = frozenset(
    {"access", "account", "api", "auth", "client", "encryption", "function", "functions", "host", "instrumentation",
     "master", "private", "secret", "shared", "signing", "storage", "subscription"}
)  # fmt: skip
"""Words that make one of ``_QUALIFIED`` mean a secret: AccountKey, but not PartitionKey."""
_QUALIFIED = frozenset({"key", "keys", "signature"})

_ASSIGNMENT = re.compile(
    r"(?<![\w$.-])([\w$.-]++)(\\?[\"']\]?)?+(\s{0,4}+)(=(?!=)|:(?!//|=)|(?<=[\"']),(?=[ ]?b?[\"']))[ \t]{0,4}+"
)
_QUOTE = re.compile(r"[bfru]?(\\?)([\"'])")
_QUOTED = {
    '"': re.compile(r'(?:[^"\\\n]|\\[^\n])*+'),
    "'": re.compile(r"(?:[^'\\\n]|\\[^\n])*+"),
    '\\"': re.compile(r'(?:[^"\\\n]|\\(?!")[^\n])*+'),
    "\\'": re.compile(r"(?:[^'\\\n]|\\(?!')[^\n])*+"),
}
"""The rest of a quoted value, by its quotation mark."""
_BARE_VALUE = re.compile(r"[^\s&;,\"'<>]*+")
_JSON_VALUE = re.compile(r"[^\s,;\"'{}\[\]]*+")
_FIELD_VALUE = re.compile(r"\{[^}\n]{0,256}\}|[^;\n\"']{1,256}(?=;)|[^\s;\"']*+")
"""The value of a field of a connection string: it may have blanks."""
_NO_SECRET = re.compile(
    r"\*\*\*|none|null|nil|true|false|undefined|\.\.\.|%s|%r|%\(\w+\)s|os\.(?:environ|getenv)\b.*|@microsoft\.keyvault\(.*|https://[\w-]+\.vault\..*",
    re.IGNORECASE | re.DOTALL,
)
_ORDINARY = re.compile(
    r"(?:any|bool|bytes|callable|expired|float|int|invalid|is|list|missing|must|not|object|optional|required|secretstr"
    r"|str|string|the|typing|union)\b|[a-z]\w*+[(\[]",
    re.IGNORECASE,
)
"""What stands after a colon in prose and in annotations."""
_STATUS = re.compile(r"\d{1,5}")

_SCHEMES = (
    r"bearer|basic|digest|negotiate|ntlm|sharedkey(?:lite)?|sharedaccesssignature|aws4-hmac-sha256|hmac-sha256|token"
    r"|apikey"
)
_SCHEME = re.compile(_SCHEMES, re.IGNORECASE)
_AUTHORIZATION = re.compile(
    rf"(authorization\\?[\"']?\s{{0,4}}[:=,]\s{{0,4}}b?\\?[\"']?(?:{_SCHEMES})[ \t]{{1,4}})[^\r\n\"'\\]++",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(\bbearer\s{1,4})([\w.~+/=-]{8,}+)", re.IGNORECASE)
_BASIC = re.compile(r"(\bbasic\s{1,4})([A-Za-z0-9+/]{8,}+={0,2}+)(?![\w.-])", re.IGNORECASE)
_SHARED_KEY = re.compile(r"(\bsharedkey(?:lite)?\s{1,4}[\w-]{1,64}:)[A-Za-z0-9+/=]++", re.IGNORECASE)
_USER_PASSWORD = re.compile(
    r"(://[^/\s:@\"'<>?#]{0,256}+:)(?!\d{1,5}+(?:[/?#]))(?:[^/\s\"'<>]{1,256}|[^\s\"'<>]{1,256})(?=@)"
)
_USER_ONLY = re.compile(r"(://)([^/\s:@\"'<>?#]{16,256}+)(?=@)")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}+(?:\.[\w-]*+){1,4}+")
_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = "-----END "
_AWS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")
_VENDOR_TOKEN = re.compile(
    r"(?<![\w-])(?:gh[pousr]_[A-Za-z0-9]{30,}+|github_pat_\w{30,}+|glpat-[\w-]{20,}+|xox[abeprs]-[\w-]{10,}+"
    r"|sk-[\w-]{32,}+|[sr]k_(?:live|test)_\w{16,}+)"
)
_ACCOUNT_KEY = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/]{86}==(?![\w+/=])")
_ENCODED = re.compile(r"((?:sig|code)%3d)([\w.%+/~-]{20,}+)", re.IGNORECASE)


def mask(text: str) -> str:
    """Return a text with ``***`` in place of the secrets in it; masking the result changes nothing."""
    for _ in range(_MAX_PASSES):
        before, text = text, _mask_once(text)
        if text == before:
            break
    return text


def is_secret_setting(name: str, value: object = None) -> bool:
    """Whether a setting is a secret: one of the words of its name, such as key in ``apiKey``, says so.

    Args:
        name: its name.
        value: its value. A number with a name such as ``max_tokens`` is a count.
    """
    words = _words(name)
    if not words or words[-1] in _DESCRIBES or (words[-1] in _PLURALS and isinstance(value, int | float)):
        return False
    return any(word in _SETTING_WORDS or _SECRET_WORD.fullmatch(word) for word in words)


def is_secret_field(name: str, value: object) -> bool:
    """Whether a field of a log line is a secret by its name; a word such as key alone does not make it one."""
    return value is not None and not isinstance(value, bool) and _strength(name) == "always"


def _mask_once(text: str) -> str:
    """Apply the patterns whose marks are in the text: looking for a mark costs much less than a pattern."""
    lower = text.lower()
    if "authorization" in lower:
        text = _AUTHORIZATION.sub(rf"\1{REDACTED}", text)
    if "@" in text:
        text = _USER_PASSWORD.sub(rf"\1{REDACTED}", text)
        text = _USER_ONLY.sub(_where_random, text)
    if "=" in text or ":" in text or "'," in text:
        text = _mask_named(text)
    if "bearer" in lower:
        text = _BEARER.sub(_where_random, text)
    if "basic" in lower:
        text = _BASIC.sub(_where_random, text)
    if "eyJ" in text:
        text = _JWT.sub(REDACTED, text)
    if "KIA" in text or "ASIA" in text:
        text = _AWS_KEY.sub(REDACTED, text)
    return _mask_tokens(text) if "-" in text or "_" in text or "==" in text or "%3" in text else text


def _mask_tokens(text: str) -> str:
    """Replace keys and tokens with marks that are rare where ``_mask_once`` has seen one of their characters."""
    if "-----BEGIN" in text:
        text = _mask_private_keys(text)
    if "sk-" in text or "xox" in text or "gh" in text or "glpat-" in text or "k_" in text:
        text = _VENDOR_TOKEN.sub(REDACTED, text)
    if "==" in text:
        text = _ACCOUNT_KEY.sub(REDACTED, text)
    return _ENCODED.sub(rf"\1{REDACTED}", text) if "%3" in text else text


def _mask_named(text: str) -> str:
    text = _SHARED_KEY.sub(rf"\1{REDACTED}", text)
    return _mask_assignments(text)


def _where_random(match: re.Match[str]) -> str:
    """Replace the second group where it looks like a secret."""
    return match[1] + (REDACTED if _looks_random(match[2], _MIN_RANDOM_LENGTH) else match[2])


def _looks_random(value: str, length: int) -> bool:
    """Whether a value has a digit and a letter, or changes from small letters to capitals as no word does."""
    if len(value) < length or value.isdigit():
        return False
    return any(map(str.isdigit, value)) or re.search(r"[a-z][A-Z]", value) is not None


def _mask_private_keys(text: str) -> str:
    """Replace what stands between the first and the last line of a private key; all that follows where none ends it."""
    parts, position = [], 0
    while (match := _PEM_BEGIN.search(text, position)) is not None:
        parts += [text[position : match.end()], REDACTED]
        position = text.find(_PEM_END, match.end())
        if position < 0:
            return "".join(parts)
    return "".join([*parts, text[position:]])


def _mask_assignments(text: str) -> str:
    """Replace the values of ``name=value`` and ``name: value`` whose name is that of a secret."""
    parts, copied, position = [], 0, 0
    while (match := _ASSIGNMENT.search(text, position)) is not None:
        position = match.end()
        strength = _strength(match[1])
        if strength == "never":
            continue
        start, end = _value_span(text, match)
        if _is_secret_value(text[start:end], match, strength, is_quoted=start > position):
            parts += [text[copied:start], REDACTED]
            copied = end
            position = max(position, end)
    return "".join([*parts, text[copied:]]) if parts else text


def _value_span(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Return where the value after a name begins and ends, without its quotation marks."""
    start = match.end()
    if (quote := _QUOTE.match(text, start)) is not None:
        end = _QUOTED[quote[1] + quote[2]].match(text, quote.end())
        return quote.end(), quote.end() if end is None else end.end()
    value = _JSON_VALUE if match[2] else _FIELD_VALUE if _is_field(match) else _BARE_VALUE
    found = value.match(text, start)
    return start, start if found is None else found.end()


def _is_field(match: re.Match[str]) -> bool:
    """Whether a name stands after a semicolon, as in a connection string."""
    return match[4] == "=" and match.string[max(0, match.start() - 2) : match.start()].rstrip().endswith(";")


def _is_secret_value(value: str, match: re.Match[str], strength: _Strength, *, is_quoted: bool) -> bool:
    if not value or _NO_SECRET.fullmatch(value):
        return False
    if match[4] == "," and "(" not in match.string[max(0, match.start() - 3) : match.start()]:
        return False
    if "authorization" in match[1].lower() and _SCHEME.fullmatch(value):
        return False
    if match[1].lower() == "code":
        return _is_secret_code(value, match)
    if strength == "looks":
        is_short = "pass" in match[1].lower() or _is_in_query(match)
        return _looks_random(value, _MIN_PASSWORD_LENGTH if is_short else _MIN_KEY_LENGTH)
    is_prose = match[4] == ":" or match[3]
    if is_quoted or match[2] or not is_prose or _is_field(match):
        return True
    if match[4] == ":" and len(_words(match[1])) > 1:
        return _ORDINARY.match(value) is None
    return _looks_random(value, _MIN_PASSWORD_LENGTH)


def _is_secret_code(value: str, match: re.Match[str]) -> bool:
    """Whether a code is a function's key. In a URL's query it is, unless it is a short number, such as a status."""
    if _is_in_query(match):
        return _STATUS.fullmatch(value) is None
    return len(value) >= _MIN_CODE_LENGTH and _looks_random(value, _MIN_CODE_LENGTH)


def _is_in_query(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - 5) : match.start()]
    return match[4] == "=" and before.endswith(("?", "&", "&amp;"))


def _strength(name: str) -> _Strength:
    """Return when the value of a name in a text is a secret."""
    words = _words(name)
    if not words or words[-1] in _DESCRIBES:
        return "never"
    if words == ["code"]:
        return "looks"
    secret = [number for number, word in enumerate(words) if _SECRET_WORD.fullmatch(word)]
    if any(words[number] not in _AMBIGUOUS for number in secret) or words[-2:] == ["connection", "string"]:
        return "always"
    if any(words[number] in _QUALIFIED and number and words[number - 1] in _QUALIFIERS for number in secret):
        return "always"
    return "looks" if secret else "never"


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case: ``clientSecret``, ``CLIENT_SECRET`` and ``client-secret`` have two."""
    return [word.lower() for word in _WORD.findall(name)]
