"""Detection of secrets in text. Only the kind of a secret and its line are reported, never the secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq"
"""The beginning of the storage emulator's key, which is public."""

_KEY = r"[A-Za-z0-9+/]{40,}={0,2}"

SECRETS: Mapping[str, re.Pattern[str]] = {
    "a storage account's key": re.compile(rf"AccountKey\s*=\s*{_KEY}"),
    "a shared access key": re.compile(rf"SharedAccessKey\s*=\s*{_KEY}"),
    "a shared access signature": re.compile(r"[?&]sv=\d{4}-\d\d-\d\d[^\s\"']*[?&]sig=|[?&]sig=[A-Za-z0-9%]{40,}"),
    "a function's key": re.compile(r"[?&]code=[A-Za-z0-9_-]{50,}={0,2}"),
    "a password": re.compile(r";\s*(?:Password|Pwd)\s*=\s*[^;\s\"'{}%$<>]{6,}", re.IGNORECASE),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "an AWS access key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b"),
    "a Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "an OpenAI key": re.compile(r"\bsk-(?:proj-)?[A-Za-z0-9_-]{40,}\b"),
}
"""The patterns of secrets, by their kind."""


def find_secrets(text: str) -> Iterator[tuple[str, int]]:
    """Yield the kind and the line, counted from 1, of each secret in a text."""
    for number, line in enumerate(text.splitlines(), 1):
        if _EMULATOR_KEY not in line:
            yield from ((kind, number) for kind, pattern in SECRETS.items() if pattern.search(line))


def read_text(path: Path) -> str:
    """Return a file's text, whatever its encoding; empty if it cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
