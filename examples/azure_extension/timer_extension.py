"""An app-level extension for Azure's interface: the class registers itself when its module is imported."""

from logging import Logger
from time import perf_counter
from typing import Any

from azure.functions import AppExtensionBase, Context, HttpResponse


class TimerExtension(AppExtensionBase):
    """Measures every function of the app."""

    @classmethod
    def init(cls) -> None:
        cls.started: dict[str, float] = {}
        cls.append_to_http_response = False

    @classmethod
    def configure(cls, *args: Any, append_to_http_response: bool = False, **kwargs: Any) -> None:
        cls.append_to_http_response = append_to_http_response

    @classmethod
    def pre_invocation_app_level(
        cls, logger: Logger, context: Context, func_args: dict[str, Any], *args: Any, **kwargs: Any
    ) -> None:
        logger.info("Timing %s", context.function_name)
        cls.started[context.invocation_id] = perf_counter()

    @classmethod
    def post_invocation_app_level(
        cls,
        logger: Logger,
        context: Context,
        func_args: dict[str, Any],
        func_ret: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        elapsed = perf_counter() - cls.started.pop(context.invocation_id)
        logger.info("%s took %.6f sec", context.function_name, elapsed)
        if cls.append_to_http_response and isinstance(func_ret, HttpResponse):
            # This interface cannot replace a result, only change it; and a response's body is private to the SDK.
            func_ret._HttpResponse__body += f" (TimeElapsed: {elapsed:.6f} sec)".encode()
