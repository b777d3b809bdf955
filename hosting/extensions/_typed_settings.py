"""Settings for hooks: an instance of the extension's settings class where it has one, else a dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hosting.core import Function
from hosting.extensions._failures import run_isolated
from hosting.extensions._hooks import FUNCTION
from hosting.extensions._model import RUNNING, Extension
from hosting.extensions._optin import OptIns
from hosting.extensions._selection import Pair, Selection
from hosting.extensions.settings.layers import RawSettings

if TYPE_CHECKING:
    from hosting.extensions.settings.models import SettingsModel


class TypedSettings:
    """The settings of one host's extensions, checked by their classes.

    Args:
        environ: the app's settings, which references name.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.root = "."
        """The app's folder, from which the path of a file is relative."""
        self._for_functions: dict[tuple[Extension, Function], Any] = {}

    def set_for_app(self, extension: Extension, written: RawSettings) -> None:
        """Set an extension's settings for the app; one whose settings are wrong fails, and is not configured."""
        model = extension.settings_model
        if model is None:
            extension.settings = written.values
            _note_references(extension)
        elif extension.typed_settings is None and extension.status in RUNNING:
            extension.settings = model.unread(written.values)
            if _is_for_app(extension):
                self._read_for_app(extension, model, written)

    def for_app(self, extension: Extension) -> Any:
        """Return what the ``configure`` hook of an extension gets."""
        return dict(extension.settings) if extension.settings_model is None else extension.typed_settings

    def invalid(
        self, extensions: Sequence[Extension], functions: Sequence[Function], selection: Selection, opt_ins: OptIns
    ) -> Iterator[Pair]:
        """Check the settings that functions have for extensions; yield the pairs where they are wrong, once recorded.

        Args:
            extensions: all extensions.
            functions: the functions.
            selection: which extensions are for which functions.
            opt_ins: the settings as they are written.
        """
        for extension in [one for one in extensions if "function" in one.scopes]:
            model, read = extension.function_settings_model, opt_ins.own_settings
            if model is None:
                model, read = extension.settings_model, opt_ins.settings
            if model is None:
                continue
            unread = [one for one in functions if (extension, one) not in self._for_functions]
            for function in [one for one in unread if selection.includes(FUNCTION, extension, one)]:
                settings = self._read(extension, model, read(extension.name, function), function.name)
                self._for_functions[extension, function] = settings
                if settings is None:
                    yield extension, function

    def for_function(self, extension: Extension, function: Function, written: RawSettings) -> Any:
        """Return what the ``configure_function`` hook of an extension gets."""
        return self._for_functions.get((extension, function), written.values)

    def _read_for_app(self, extension: Extension, model: SettingsModel, written: RawSettings) -> None:
        settings = extension.typed_settings = self._read(extension, model, written)
        if settings is not None:
            extension.settings = model.shown(settings, written.values)
        elif extension.error is not None:
            extension.fail(f"its settings are not valid: {' '.join(extension.error.message.split())}")

    def _read(
        self, extension: Extension, model: SettingsModel, written: RawSettings, function: str | None = None
    ) -> Any:
        """Return an instance of a settings class of the extension; None, with the error recorded, if it has faults."""
        from pathlib import Path

        from hosting.app_settings import AppSettings
        from hosting.extensions.settings.reader import read_settings  # only typed settings need it
        from hosting.extensions.settings.references import References

        references = References(AppSettings(self._environ), Path(self.root))
        return run_isolated(extension, "settings", lambda: read_settings(model, written, references), function=function)


def _note_references(extension: Extension) -> None:
    """Note that references in the settings of an extension without a class for them are not filled in."""
    if extension.status in RUNNING and not extension.notices and extension.kind == "hooks":
        found = next((key for key, value in extension.settings.items() if _has_reference(value)), None)
        if found is not None:
            remedy = (
                "Set it in the app's code: hosting.configure(..., key=os.environ[...]); or ask its authors for one."
            )
            what = "it has no class for its settings, so that the reference in"
            extension.notices = ((f"{what} {found!r} is passed as it is written", remedy),)


def _has_reference(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(key in ("$env", "$file") for key in value) or any(map(_has_reference, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_reference, value))


def _is_for_app(extension: Extension) -> bool:
    """Return whether the app's settings are complete without a function's: not for one that only functions use."""
    return "configure" in extension.hooks or extension.scopes != ("function",)
