"""The text of ``.dockerignore``: what is not sent to the build, and so is in no image. Secrets come last: they win."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

FUNCIGNORE = ".funcignore"

_GENERAL = (
    "# Hidden files and folders, such as .git, .venv, .env and .python_packages.",
    "**/.*",
    "!**/.well-known",
    "**/__pycache__",
    "**/*.py[cod]",
    "**/node_modules",
    "venv",
    "env",
    "tests",
    "test",
    "manifests",
    "Dockerfile*",
    "compose*.y*ml",
    "docker-compose*.y*ml",
    "requirements-dev.txt",
    "host.schema.json",
    "# Data of Azurite.",
    "**/__azurite*",
    "**/__*storage__",
    "**/AzuriteConfig",
)
_SECRETS = (
    "# Secrets of this machine.",
    "**/local.settings*.json",
    "**/.env*",
    "**/*.env",
    "**/*.key",
    "**/*.pfx",
    "**/*.p12",
    "**/id_rsa*",
    "**/id_ed25519*",
)


def dockerignore(rules: str, needed: Sequence[str]) -> str:
    """Return the text of ``.dockerignore``, without its header.

    Args:
        rules: the text of ``.funcignore``; empty if there is none.
        needed: paths that the build reads, whatever the rules say.
    """
    own = list(translated(rules))
    head = [f"# What {FUNCIGNORE} excludes."] if own else []
    kept = [f"!{path}" for path in needed]
    lines = [*_GENERAL, *head, *own, *(["# What the build reads."] if kept else []), *kept, *_SECRETS]
    return "".join(f"{line}\n" for line in lines)


def translated(text: str) -> Iterator[str]:
    """Yield the rules of a file in the form of Git, in the form of Docker: there, a bare name is of one folder only."""
    for line in text.splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        sign, path = ("!", rule[1:]) if rule.startswith("!") else ("", rule.removeprefix("\\"))
        is_anchored = "/" in path.rstrip("/")
        path = path.strip("/")
        if path:
            yield f"{sign}{path}" if is_anchored or path.startswith("**/") else f"{sign}**/{path}"
