"""An extension that logs with structlog."""

from typing import Any

import structlog

import hosting

log = structlog.get_logger("hosting.extensions.shop")


@hosting.hookimpl
def startup() -> None:
    log.info("opened")


@hosting.hookimpl
def pre_invocation_app_level(context: Any) -> None:
    log.info("enter", function_of_context=context.function_name)
