"""Names that a cluster accepts: DNS labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from hosting.errors import UsageError

MAX_LABEL = 63
MAX_NAME = 40
"""Shorter than a label, because of suffixes such as ``-always-on``, and ``keda-hpa-`` before it."""

_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_SETTING = re.compile(r"[-._a-zA-Z0-9]+")
_IMAGE = re.compile(
    r"(?P<name>(?:[\w.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?P<tag>:[\w][\w.-]{0,127})?(?P<digest>@\w+:[0-9a-f]+)?"
)
_HOSTNAME = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?")
_HASH_LENGTH = 6


def as_label(text: str, limit: int = MAX_LABEL) -> str:
    """Return a DNS label for a text; a text that has to be changed, other than its case, gets a hash at the end."""
    label = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if label == text.lower() and len(label) <= limit and label[0].isalpha():
        return label
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    kept = label[: limit - _HASH_LENGTH - 1].strip("-") or "app"
    return f"{kept}-{digest}" if kept[0].isalpha() else f"x{kept[: limit - _HASH_LENGTH - 2]}-{digest}"


def default_name(folder: str) -> str:
    """Return the name of an app for the name of its folder: a DNS label without a hash, as people would write it."""
    label = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")[:MAX_NAME].strip("-")
    return label if _LABEL.fullmatch(label) else f"app-{label}".strip("-")[:MAX_NAME].strip("-")


def check_name(name: str, option: str, limit: int = MAX_NAME) -> str:
    """Return a name that is a DNS label.

    Args:
        name: the value of an option.
        option: the option, for the message.
        limit: the number of characters that fit.

    Raises:
        UsageError: it is not one; the message suggests one.
    """
    if _LABEL.fullmatch(name) and len(name) <= limit:
        return name
    raise UsageError(
        f"{option} {name!r} is not a name that a cluster accepts: 1 to {limit} lower-case letters, digits and dashes, "
        "a letter first, and no dash at the end.",
        remedy=f"For example: {option} {default_name(name)[:limit].strip('-')}",
    )


def check_image(image: str) -> str:
    """Return the reference of an image that can be pulled.

    Raises:
        UsageError: it is empty or not a reference.
    """
    if not image:
        raise UsageError(
            "The manifests need the reference of the app's image.",
            remedy="Add it: --image registry.example.com/shop:1.4.2",
        )
    if _IMAGE.fullmatch(image):
        return image
    raise UsageError(
        f"--image {image!r} is not the reference of an image: the repository must be in lower case, without spaces.",
        remedy="Write it as registry.example.com/shop:1.4.2",
    )


def check_hostname(name: str) -> str:
    """Return the name of a host that callers reach, with a port or without.

    Raises:
        UsageError: it is not one.
    """
    if _HOSTNAME.fullmatch(name):
        return name
    raise UsageError(
        f"--hostname {name!r} is not the name of a host, such as shop.example.com.",
        remedy="Write the name that callers send in the header Host, without https:// and without a path.",
    )


def is_moving(image: str) -> bool:
    """Return whether a reference may mean another image tomorrow: it has no digest, and no tag or ``latest``."""
    match = _IMAGE.fullmatch(image)
    return match is not None and not match["digest"] and match["tag"] in (None, ":latest")


def is_key(setting: str) -> bool:
    """Return whether the name of a setting can be a key of a Secret, and a variable in a container."""
    return bool(_SETTING.fullmatch(setting)) and not setting[0].isdigit() and len(setting) <= 253


def folded(setting: str) -> str:
    """Return the name of a setting as it is compared: ``__`` is ``:``, and case does not matter."""
    return setting.replace("__", ":").lower()


def unique(labels: Iterable[str]) -> list[str]:
    """Return the labels, with a number at each that has come before."""
    seen: dict[str, int] = {}
    found: list[str] = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label[: MAX_LABEL - 5]}-{seen[label]}")
    return found
