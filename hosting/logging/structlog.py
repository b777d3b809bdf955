"""structlog without configuration: what an app or an extension logs with it becomes a line of the host's log.

While a host runs, structlog's default processors and its default logger factory are replaced. An app that configures
structlog keeps its own configuration: its ``structlog.configure`` replaces ours as it would replace structlog's own
defaults, ``structlog.is_configured()`` is False until then, and what an app leaves at its default is structlog's own
default next to what it chose.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple

from hosting._exceptions import as_text
from hosting._log import host_logger
from hosting.logging.fields import add_key_values, as_exc_info

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "msg": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "err": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}

_logger = host_logger("logging")


class StructlogDefaults:
    """Makes the host's log the default of structlog, for as long as a host of this process is open.

    It stands in ``sys.meta_path``, because structlog may be imported later, and importing it would cost each start.
    """

    def __init__(self) -> None:
        self._hosts = 0
        self._routes: list[EventRoute] = []

    @classmethod
    def acquire(cls) -> StructlogDefaults:
        """Return the one of this process, for one more host; each host calls ``release`` when it closes."""
        defaults = next((finder for finder in sys.meta_path if isinstance(finder, cls)), None)
        if defaults is None:
            defaults = cls()
            sys.meta_path.insert(0, defaults)
        defaults._hosts += 1
        if "structlog" in sys.modules:
            defaults.apply(sys.modules["structlog"])
        return defaults

    def release(self) -> None:
        """Leave structlog as it was found, once the last host has closed."""
        self._hosts -= 1
        if self._hosts == 0:
            with contextlib.suppress(ValueError):  # other code may have replaced the finders meanwhile
                sys.meta_path.remove(self)
            for route in self._routes:
                route.close()
        elif "structlog" in sys.modules:
            self.apply(sys.modules["structlog"])  # another host may have put structlog's own defaults back

    def apply(self, structlog: ModuleType) -> None:
        """Replace the defaults of structlog, unless it is configured or they are replaced already."""
        try:
            for processor in structlog.get_config()["processors"]:
                if isinstance(processor, EventRoute) and not processor.is_open:
                    processor.close()  # ``structlog.testing.capture_logs`` has put it back after the host had closed
            if is_default(structlog):
                self._routes.append(EventRoute(structlog))
        except Exception:  # structlog may be of any version: the app goes on with what it has
            _logger.warning("structlog cannot be connected to the host's log.", exc_info=True)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Find structlog where it is, and apply the defaults when its code has run."""
        if fullname != "structlog":
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)) is not None:
                if spec.loader is not None:
                    from hosting.logging.loader import ThenApply  # its import is slow, and few apps need it

                    spec.loader = ThenApply(spec.loader, self.apply)
                return spec
        return None


class EventRoute:
    """The way of structlog's events into the standard library's logging: a processor, and a logger factory.

    Installs itself in the place of the defaults of ``structlog``; ``close`` puts these back.
    """

    def __init__(self, structlog: ModuleType) -> None:
        from structlog import processors, stdlib
        from structlog.contextvars import merge_contextvars

        self._structlog = structlog
        config = structlog.get_config()
        self._installed: list[Any] = config["processors"]
        self._processors = tuple(config["processors"])
        self._factory = config["logger_factory"]
        self._drop = structlog.DropEvent
        ours = ["hosting.logging"]
        self._chain = (
            merge_contextvars,
            stdlib.PositionalArgumentsFormatter(),
            processors.StackInfoRenderer(ours),
        )
        place = processors.CallsiteParameter
        self._callsite = processors.CallsiteParameterAdder((place.PATHNAME, place.LINENO, place.FUNC_NAME), ours)
        self.is_open = True
        self._settings = structlog._config._CONFIG
        self._settings.logger_factory = self.logger
        self._installed[:] = [self]

    def close(self) -> None:
        """Put the defaults back that are still replaced. Loggers that were bound before go on with these, too."""
        self.is_open = False
        for processors in (self._installed, self._structlog.get_config()["processors"]):
            if list(processors) == [self]:
                processors[:] = self._processors
        if self._settings.logger_factory == self.logger:
            self._settings.logger_factory = self._factory

    def logger(self, *args: Any) -> Any:
        """Return the logger that an event goes to: of the given name, or of the calling module's.

        structlog's own where the app has configured processors without a logger factory.
        """
        if not (self.is_open and self in self._structlog.get_config()["processors"]):
            return self._factory(*args)
        return logging.getLogger(args[0] if args and isinstance(args[0], str) else _calling_module())

    def __call__(self, logger: Any, method_name: str, event: MutableMapping[str, Any]) -> Any:
        """Log an event; where the app has a logger of its own, render the event as structlog's defaults do.

        Raises:
            structlog.DropEvent: the event is logged, or its level is not shown.
        """
        if not (self.is_open and isinstance(logger, logging.Logger)):
            for process in self._processors:
                event = process(logger, method_name, event)
            return event
        level = _LEVELS.get(method_name, logging.INFO)
        if logger.isEnabledFor(level):
            if method_name == "exception":
                event.setdefault("exc_info", True)
            logger.handle(self._record(logger, level, event))
        raise self._drop

    def _record(self, logger: logging.Logger, level: int, event: MutableMapping[str, Any]) -> logging.LogRecord:
        has_stack = bool(event.get("stack_info"))
        for process in self._chain:
            event = process(logger, "", event)
        message = as_text(event.pop("event", ""))
        exc_info = as_exc_info(event.pop("exc_info", None))
        stack = event.pop("stack") if has_stack else None
        place = self._callsite(logger, "", {})
        file, line, function = place["pathname"], place["lineno"], place["func_name"]
        record = logger.makeRecord(logger.name, level, file, line, message, (), exc_info, func=function, sinfo=stack)
        add_key_values(record, event)
        return record


class StructlogConfig(NamedTuple):
    """How structlog is configured."""

    is_configured: bool
    settings: Mapping[str, Any]


def read_config() -> StructlogConfig | None:
    """Return how structlog is configured now; None where it is not imported."""
    structlog = sys.modules.get("structlog")
    if structlog is None:
        return None
    config = structlog.get_config()
    return StructlogConfig(structlog.is_configured(), {**config, "processors": list(config["processors"])})


def write_config(config: StructlogConfig | None) -> None:
    """Configure structlog, which is imported, as it was when ``config`` was read."""
    structlog = sys.modules["structlog"]
    structlog.reset_defaults()
    if config is not None and config.is_configured:
        structlog.configure(**config.settings)


def is_default(structlog: ModuleType) -> bool:
    """Whether structlog's processors and its logger factory are those that it comes with."""
    config, internal = structlog.get_config(), structlog._config
    return (
        list(config["processors"]) == list(internal._BUILTIN_DEFAULT_PROCESSORS)
        and config["logger_factory"] is internal._BUILTIN_DEFAULT_LOGGER_FACTORY
    )


def _calling_module() -> str:
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_between(str(frame.f_globals.get("__name__"))):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__") or "structlog")


def _is_between(module: str) -> bool:
    return module.partition(".")[0] == "structlog" or module == __name__
