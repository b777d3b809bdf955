"""Reading an extension's settings: references are filled in, and the extension's class checks the values."""

from __future__ import annotations

from typing import Any

from hosting.extensions.settings.faults import Fault, invalid
from hosting.extensions.settings.layers import RawSettings
from hosting.extensions.settings.models import SettingsModel
from hosting.extensions.settings.references import References


def read_settings(model: SettingsModel, written: RawSettings, references: References) -> Any:
    """Return an instance of an extension's settings class.

    Raises:
        InvalidSettings: a setting is unknown, missing or wrong, or a reference leads nowhere; all faults at once.
    """
    faults: list[Fault] = []
    values = {key: references.resolve(value, faults, (key,)) for key, value in written.values.items()}
    instance = model.read(values, faults)
    if faults:
        origins = {key.casefold(): origin for key, origin in written.origins.items()}
        raise invalid(faults, origins, written.default)
    return instance
