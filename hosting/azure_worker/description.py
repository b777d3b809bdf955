"""What is known in Azure's worker about a function of the v2 model, besides its code."""

from __future__ import annotations

import os
import typing
from contextlib import suppress
from typing import Any

from hosting.app_settings import AppSettings
from hosting.apps.expansion import disable_functions, expand_properties
from hosting.apps.retry import read_retry, retry_settings
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError


def complete(function: Function, built: Any) -> None:
    """Set a function's settings in bindings, its annotations, its retry policy, and whether it is disabled."""
    settings = AppSettings(os.environ)
    function.bindings = tuple(_expanded(binding, settings) for binding in function.bindings)
    function.annotations = getattr(function.call, "__annotations__", None) or {}
    with suppress(Exception):  # an annotation is the author's code, and may raise anything
        function.annotations = typing.get_type_hints(function.call)
    with suppress(FunctionLoadError):  # Azure's host reports it
        retry = retry_settings(built)
        function.retry = None if retry is None else read_retry(retry)
    disable_functions([function], settings)


def _expanded(binding: Binding, settings: AppSettings) -> Binding:
    with suppress(FunctionLoadError):  # Azure's host reports it
        return binding._replace(properties=expand_properties(binding, settings))
    return binding
