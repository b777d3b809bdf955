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
_NOT_VALUES = _DESCRIBES | {
    "client", "error", "exception", "failure", "manager", "policy", "provider", "service", "warning"
}  # fmt: skip
"""Last words of names in a text that are not those of values: ``InvalidTokenError: the signature is wrong``."""
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
    r"(?<![\w$.-])([\w$.-]++)(\\{0,7}+[\"']\]?)?+(\s{0,4}+)(=(?!=)|:(?!//|=)|(?<=[\"']),(?=[ ]?b?[\"']))[ \t]{0,4}+"
)
_QUOTE = re.compile(r"[\[(]?[bfru]?(\\{0,7}+)([\"'])")
_QUOTED = {
    '"': re.compile(r'(?:[^"\\\n]|\\[^\n])*+'),
    "'": re.compile(r"(?:[^'\\\n]|\\[^\n])*+"),
    '\\"': re.compile(r'(?:[^"\\\n]|\\(?!")[^\n])*+'),
    "\\'": re.compile(r"(?:[^'\\\n]|\\(?!')[^\n])*+"),
}
"""The rest of a quoted value, by its quotation mark."""
_NEXT_QUOTE = re.compile(r"(\\*+)[\"'\n]")
_BARE_VALUE = re.compile(r"[^\s&;,\"'<>]*+")
_JSON_VALUE = re.compile(r"[^\s,;\"'{}\[\]]*+")
_FIELD_VALUE = re.compile(r"\{[^}\n]{0,256}\}|[^;\n\"']{1,256}(?=;)|[^\s;\"']*+")
"""The value of a field of a connection string: it may have blanks."""
_NO_SECRET = re.compile(
    r"\*\*\*|none|null|nil|true|false|undefined|\.\.\.|%s|%r|%\(\w+\)s|os\.(?:environ|getenv)\b.*|@microsoft\.keyvault\(.*|https://[\w-]+\.vault\..*",
    re.IGNORECASE | re.DOTALL,
)
_ORDINARY = re.compile(
    r"(?:absent|accepted|any|bool|bytes|callable|changed|denied|disabled|empty|enabled|expired|failed|float|found|hidden"
    r"|incorrect|int|invalid|is|list|loaded|missing|must|no|not|object|ok|optional|present|rejected|required|reset"
    r"|secretstr|set|str|string|the|typing|unchanged|union|unknown|unset|valid|wrong|yes)\b|[a-z]\w*+[(\[]",
    re.IGNORECASE,
)
"""What stands after a colon in prose and in annotations."""
_STATUS = re.compile(r"\d{1,5}")

_LINE_START = re.compile(r"\n[ \t]{0,64}(?:- )?\Z|\A[ \t]{0,64}(?:- )?\Z")
_SETTINGS_LINES = {
    ":": re.compile(r"[ \t]{0,64}(?:- )?[\w.-]{1,128}:(?:[ \t\n]|\Z)"),
    "=": re.compile(r"[ \t]{0,64}(?:\[[^\]\n]{1,128}\][ \t]{0,4}(?:\n|\Z)|[\w.-]{1,128} ?=)"),
}
"""Lines of YAML and of an INI file, where a word after a name is a value and not prose, by what separates the two."""

_OPTION = re.compile(r"(?<![\w-])(?:--|-(?=pass))([A-Za-z][\w.-]{0,63}+)(?:[ \t]{1,4}|[\"'],\s{0,4})(?=[^\s-])")
_OPTION_VALUE = re.compile(r"[^\s\"',]*+")
_OPTION_OF_FILE = frozenset({"file", "path", "env", "stdin", "prompt", "command", "cmd", "helper", "id", "url", "type"})
"""Last words of options whose value is where a secret is, and not the secret."""
_PROSE = re.compile(
    r"(?:an?|after|again|alone|also|and|are|argument|as|at|before|but|by|can|cannot|does|expected|file|flag|for|from"
    r"|given|has|have|here|if|in|instead|is|it|key|may|missing|must|name|needs?|not|of|on|only|options?|or|parameter"
    r"|password|required|requires|secret|sets?|should|so|string|takes|text|that|the|then|to|token|twice|unknown|unset"
    r"|values?|was|were|when|which|will|with|without)[\].:;)]{0,4}",
    re.IGNORECASE,
)
"""Words after the name of an option in a sentence, or what stands for its value in a help text."""
_SEPARATOR = r"(?:[ \t=]{1,4}|[\"'],\s{0,4}b?)[\"']?"
_CURL_USER = re.compile(
    rf"((?<![\w-])(?:-u(?:{_SEPARATOR})?|--(?:proxy-)?user{_SEPARATOR})[^\s:\"'-][^\s:\"']{{0,128}}+:)([^\s\"']++)"
)
_CURL_COOKIES = re.compile(rf"((?<![\w-])-b{_SEPARATOR})([^\n]{{1,8192}})")
_TOOL_PASSWORD = re.compile(
    rf"((?:\bsshpass\b[\"',\s]{{0,4}}|\blogin\b[^\n]{{0,200}}?[\s\"'])-p{_SEPARATOR}"
    r"|\bmysql\w{0,16}+\b[^\n]{0,200}?[\s\"']-p)([^\s\"'-][^\s\"']*+)"
)

_ELEMENT = re.compile(
    r"(<(?:[\w.-]{1,64}:)?([A-Za-z][\w.-]{0,63})(\s[^<>\n]{0,256})?>\s{0,64}(?:<!\[CDATA\[)?)"
    r"([^<>\s][^<>]{0,4096}?)(?=\s{0,64}(?:\]\]>|</))"
)
_ATTRIBUTE = re.compile(r"\s(?:key|name)\s{0,4}=\s{0,4}[\"']([\w:.-]{1,128})[\"']", re.IGNORECASE)
_ELEMENT_WITH_VALUE = re.compile(
    r"<([A-Za-z][\w.-]{0,63})\s[^<>\"']{0,64}?\bvalue\s{0,4}=\s{0,4}(?=[\"'])", re.IGNORECASE
)
_NAME_AND_VALUE = re.compile(
    r"\b(?:key|name)\\{0,7}[\"']?\s{0,4}[=:]\s{0,4}\\{0,7}[\"']([\w:.-]{1,128})\\{0,7}[\"'][^<>{}]{0,200}?"
    r"\bvalue\\{0,7}[\"']?\s{0,4}[=:]\s{0,4}(?=\\{0,7}[\"'])",
    re.IGNORECASE,
)
"""A setting in XML or JSON, as in ``<add key="ApiKey" value="…"/>``."""
_COOKIES = re.compile(r"(\bcookies?\b(?:\\{0,7}[\"'])?\]?\s{0,4}(?:[:=,]|(?<=\s)))([^\n]{1,8192})", re.IGNORECASE)
_COOKIE = re.compile(r"((?<![\w$.-])([\w$.-]{1,128}+)[\"']?\s?[=:]\s?[\"']?)([^;,\s\"'{}<>\\]++)")
_SESSION = re.compile(
    r"sess|(?:\b|[._-])s(?:id|s?o)\b|auth(?!or)|jwt|token|csrf|xsrf|remember|identity|ticket|aspnet", re.IGNORECASE
)

_SCHEMES = (
    r"bearer|basic|digest|negotiate|ntlm|sharedkey(?:lite)?|sharedaccesssignature|aws4-hmac-sha256|hmac-sha256|token"
    r"|apikey"
)
_SCHEME = re.compile(_SCHEMES, re.IGNORECASE)
_AUTHORIZATION = re.compile(
    rf"(authorization(?:\\{{0,7}}[\"'])?\s{{0,4}}(?:[:=]|(?<=[\"'\s]),)\s{{0,4}}[\[(]?b?\\{{0,7}}[\"']?(?:{_SCHEMES})"
    r"[ \t]{1,4})[^\r\n\"'\\]++",
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
_ENCODED = re.compile(r"((?:%(?:3f|26)|(?<![\w%-]))([A-Za-z][\w-]{0,63}?)%3d)((?:[\w.+/~-]|%(?!26))++)", re.IGNORECASE)


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
        text = _mask_named(text, lower)
    if "</" in text:
        text = _ELEMENT.sub(_where_element_is_secret, text)
    if "-" in text:
        text = _mask_options(text, lower)
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
    return _ENCODED.sub(_where_encoded_is_secret, text) if "%3" in text else text


def _mask_named(text: str, lower: str) -> str:
    text = _SHARED_KEY.sub(rf"\1{REDACTED}", text)
    if "value" in lower:
        text = _mask_values(_mask_values(text, _NAME_AND_VALUE), _ELEMENT_WITH_VALUE)
    if "cookie" in lower:
        text = _COOKIES.sub(lambda match: match[1] + _COOKIE.sub(_where_session, match[2]), text)
    return _mask_assignments(text)


def _mask_options(text: str, lower: str) -> str:
    """Replace the values of options of commands, as in a shell or in a list of arguments."""
    if "curl" in lower:
        text = _CURL_USER.sub(rf"\1{REDACTED}", text)
        text = _CURL_COOKIES.sub(lambda match: match[1] + _COOKIE.sub(_where_session, match[2]), text)
    if "sshpass" in lower or "login" in lower or "mysql" in lower:
        text = _TOOL_PASSWORD.sub(rf"\1{REDACTED}", text)
    return _mask_values(text, _OPTION) if "--" in text or "-pass" in text else text


def _mask_values(text: str, pattern: re.Pattern[str]) -> str:
    """Replace the values that follow a pattern, whose first group is the name of a secret."""
    parts, copied, position = [], 0, 0
    while (match := pattern.search(text, position)) is not None:
        position = match.end()
        strength = _strength(match[1])
        if strength == "never" or (pattern is _OPTION and _words(match[1])[-1] in _OPTION_OF_FILE):
            continue
        start, end = _quoted_span(text, position) or (position, _end_of(_OPTION_VALUE, text, position))
        is_prose = pattern is _OPTION and start == position and _is_prose(text[start:end])
        if _is_secret(text[start:end], match[1], strength) and not is_prose:
            parts += [text[copied:start], REDACTED]
            copied = position = end
    return "".join([*parts, text[copied:]]) if parts else text


def _is_prose(value: str) -> bool:
    return _PROSE.fullmatch(value) is not None or value[:1] in "<[({$%.`" or _ORDINARY.match(value) is not None


def _is_secret(value: str, name: str, strength: _Strength) -> bool:
    """Whether a value with the name of a secret is one."""
    if not value or _NO_SECRET.fullmatch(value):
        return False
    if name == "pass":
        return not value.isdigit()
    length = _MIN_PASSWORD_LENGTH if "pass" in name.lower() else _MIN_KEY_LENGTH
    return strength == "always" or _looks_random(value, length)


def _where_element_is_secret(match: re.Match[str]) -> str:
    """Replace the text of an XML element with the name of a secret, which an attribute may give."""
    attribute = _ATTRIBUTE.search(match[3] or "")
    name, value = match[2] if attribute is None else attribute[1], match[4]
    strength = _strength(name)
    is_secret = strength != "never" and _is_secret(value, name, strength)
    return match[1] + (REDACTED if is_secret else value)


def _where_session(match: re.Match[str]) -> str:
    """Replace the value of a cookie that has the name of a session, or that looks random."""
    value = match[3]
    is_session = _SESSION.search(match[2]) is not None or _strength(match[2]) == "always"
    is_secret = _NO_SECRET.fullmatch(value) is None and (is_session or _looks_random(value, _MIN_KEY_LENGTH))
    return match[1] + (REDACTED if is_secret else value)


def _where_encoded_is_secret(match: re.Match[str]) -> str:
    """Replace a value in the query of a URL that is itself a value in a query."""
    name, value = match[2], match[3]
    if name.lower() in ("sig", "code"):
        is_secret = len(value) >= _MIN_CODE_LENGTH
    else:
        is_secret = _strength(name) == "always" and not _NO_SECRET.fullmatch(value)
    return match[1] + (REDACTED if is_secret else value)


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
    value = _JSON_VALUE if match[2] else _FIELD_VALUE if _is_field(match) else _BARE_VALUE
    return _quoted_span(text, start) or (start, _end_of(value, text, start))


def _quoted_span(text: str, start: int) -> tuple[int, int] | None:
    """Return where the value in quotation marks at ``start`` begins and ends; None if there is none."""
    quote = _QUOTE.match(text, start)
    if quote is None:
        return None
    mark = quote[1] + quote[2]
    if mark in _QUOTED:
        return quote.end(), _end_of(_QUOTED[mark], text, quote.end())
    # JSON in a text of JSON in a text: it ends at the first mark with as many backslashes, or fewer.
    for end in _NEXT_QUOTE.finditer(text, quote.end()):
        if len(end[1]) <= len(quote[1]):
            return quote.end(), end.start()
    return quote.end(), len(text)


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return start if found is None else found.end()


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
        if match[1].lower() == "pass" and _is_in_query(match):
            return not value.isdigit()
        is_short = "pass" in match[1].lower() or _is_in_query(match)
        return _looks_random(value, _MIN_PASSWORD_LENGTH if is_short else _MIN_KEY_LENGTH)
    is_prose = match[4] == ":" or match[3]
    if is_quoted or match[2] or not is_prose or _is_field(match):
        return True
    if (match[4] == ":" and len(_words(match[1])) > 1) or _is_in_settings(match, len(value)):
        return _ORDINARY.match(value) is None
    return _looks_random(value, _MIN_PASSWORD_LENGTH)


def _is_in_settings(match: re.Match[str], length: int) -> bool:
    """Whether a name begins a line of YAML or of an INI file: it has no second word, or a line next to it is one."""
    text, start, settings_line = match.string, match.start(), _SETTINGS_LINES.get(match[4])
    if settings_line is None or _LINE_START.search(text, max(0, start - 80), start) is None:
        return False
    end = match.end() + length
    if match[4] == ":" and text[end : end + 1] in ("", "\n", "\r"):
        return True
    line = text.rfind("\n", 0, start)
    before = text.rfind("\n", 0, max(line, 0)) + 1
    after = text.find("\n", start) + 1
    return (line >= 0 and settings_line.match(text, before) is not None) or (
        after > 0 and settings_line.match(text, after) is not None
    )


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
    if not words or words[-1] in _NOT_VALUES:
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
