"""Layers of settings: the same settings from host.json and from code, merged, with the place of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Layer(NamedTuple):
    """Settings from one place.

    Args:
        origin: the place, as messages name it before the key.
        values: the settings.
    """

    origin: str
    values: Mapping[str, Any]


class RawSettings(NamedTuple):
    """An extension's settings as they are written, for the app or for one function.

    Args:
        values: the settings; for a key that several layers have, the last one's value.
        origins: the place of each key.
        default: the place where a missing key belongs.
    """

    values: dict[str, Any]
    origins: dict[str, str]
    default: str


def merge(layers: Iterable[Layer], default: str) -> RawSettings:
    """Merge layers key by key; for a key that several have, the last layer's value is used."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        values |= layer.values
        origins |= dict.fromkeys(layer.values, layer.origin)
    return RawSettings(values, origins, default)
