"""What the hooks call once OpenTelemetry is configured: spans, metrics and records of exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from time import time_ns
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import Link, SpanContext

import hosting
from hosting.logging import set_trace_parent
from hosting_otel import others
from hosting_otel._version import __version__
from hosting_otel.configuration import Configuration, configure
from hosting_otel.exceptions import ExceptionRecorder
from hosting_otel.flushing import Flusher
from hosting_otel.functions import FunctionFacts, Site, describe
from hosting_otel.hooks import HookRecorder
from hosting_otel.logs import LogBridge
from hosting_otel.messages import (
    age_seconds,
    carriers,
    data_attributes,
    message_attributes,
    timer_attributes,
    trigger_value,
)
from hosting_otel.metrics import Metrics
from hosting_otel.requests import CarrierReader, add_http_attributes, known_methods, request_of
from hosting_otel.settings import Settings
from hosting_otel.spans import STATE, InvocationSpan

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions."""
ATTEMPT = "functions.attempt"
"""Which attempt of a retry policy an invocation is, for which the conventions have no name."""

logger = hosting.extension_logger("otel")


def start(app: hosting.AppHandle, settings: Settings) -> Telemetry | None:
    """Configure the SDK unless it is, and return what makes spans; None if nothing would be sent.

    Args:
        app: the app.
        settings: the settings.

    Raises:
        ExtensionError: a value of the environment cannot be used, or a package is missing.
    """
    configuration = configure(app, settings)
    if configuration is None:
        return None
    return Telemetry(app, settings, configuration)


class Telemetry:
    """Traces, metrics and logs of one host.

    Args:
        app: the app.
        settings: the settings.
        configuration: what is configured.
    """

    def __init__(self, app: hosting.AppHandle, settings: Settings, configuration: Configuration) -> None:
        self._tracer = trace.get_tracer("hosting_otel", __version__, schema_url=SCHEMA_URL)
        self._makes_spans = configuration.traces
        self._beside_others = settings.beside_others
        self._metrics = Metrics(__version__, SCHEMA_URL) if configuration.metrics else None
        self._bridge = LogBridge(configuration.logger) if configuration.logs else None
        self._exceptions = ExceptionRecorder(__version__, SCHEMA_URL, has_logs=configuration.has_log_exporter)
        self._flusher = Flusher(app, settings)
        self._reads_bodies = settings.queue_parent
        self._carriers = CarrierReader(set(propagate.get_global_textmap().fields))
        self._methods = known_methods()
        self._site = Site.from_environment()
        self._is_internal = app.face == "azure" and configuration.host_makes_spans
        self._sees_responses = "response_sent" in app.capabilities
        self._facts: dict[str, FunctionFacts] = {}
        self._is_cold = True
        if self._makes_spans and settings.hooks != "off":
            app.observe_hooks(HookRecorder(self._tracer, as_spans=settings.hooks == "spans").observe)

    def begin(self, context: Any, invocation: hosting.Invocation) -> InvocationSpan:
        """Start the span of an invocation, and make it current; record the start.

        Args:
            context: the invocation's context.
            invocation: the invocation.
        """
        outer = get_current()
        span = self._start(context, invocation, outer, None)
        span.enter(outer)
        one = span.span.get_span_context()
        if one.is_valid:
            set_trace_parent(f"00-{one.trace_id:032x}-{one.span_id:016x}-{one.trace_flags:02x}")
        return span

    def _start(
        self, context: Any, invocation: hosting.Invocation, outer: Context, start_time: int | None
    ) -> InvocationSpan:
        current = trace.get_current_span(outer)
        facts = self._facts.get(invocation.function.name) or self._describe(invocation)
        is_cold, self._is_cold = self._is_cold, False
        request, value = (request_of(invocation), None) if facts.is_http else (None, trigger_value(invocation))
        attributes = dict(facts.attributes)
        attributes["faas.invocation_id"], attributes["faas.coldstart"] = invocation.id, is_cold
        if request is not None:
            add_http_attributes(attributes, request, self._methods)
        else:
            attributes |= _own_attributes(facts, invocation, value)
        is_retried = invocation.max_attempts != 1
        if is_retried:
            attributes[ATTEMPT] = invocation.attempt
        own: Context | None = None
        if current.is_recording():
            current.set_attributes({name: one for name, one in attributes.items() if name.startswith("faas.")})
        elif self._makes_spans and not facts.traced_by:
            carrier = self._carriers.read(context, request)
            parent = propagate.extract(carrier, outer) if carrier else outer
            current, own = self._new_span(facts, parent, value, attributes, start_time)
        span = invocation.state[STATE] = InvocationSpan(facts, current, own)
        if request is not None and self._sees_responses:
            # A request from a connection that is not tried again: its response will be sent.
            span.awaits_response = not is_retried and request.client is not None
        if self._metrics is not None:
            self._metrics.started(facts, is_cold=is_cold, age=age_seconds(invocation) if facts.is_message else None)
            if request is not None:
                span.request = {name: attributes[name] for name in ("http.request.method", "url.scheme")}
                self._metrics.request_started(span.request)
        return span

    def _describe(self, invocation: hosting.Invocation) -> FunctionFacts:
        facts = describe(invocation, self._site, is_internal=self._is_internal)
        traced_by = "" if self._beside_others else others.traced_by(invocation.function.call)
        if traced_by and self._makes_spans:
            logger.info("%s traces the function '%s': no second span is made.", traced_by, invocation.function.name)
            facts = facts._replace(traced_by=traced_by)
        self._facts[invocation.function.name] = facts
        return facts

    def _new_span(
        self,
        facts: FunctionFacts,
        parent: Context,
        value: Any,
        attributes: Mapping[str, Any],
        start_time: int | None,
    ) -> tuple[trace.Span, Context]:
        """Start a span; return it, and the context for the function: the span, and what came with the caller's."""
        links: list[Link] = []
        if facts.is_message:
            parent, links = self._senders(value, parent)
        name = _http_name(facts, attributes) if facts.is_http else facts.span_name
        span = self._tracer.start_span(name, parent, facts.kind, attributes, links, start_time)
        return span, trace.set_span_in_context(span, parent)

    def _senders(self, value: Any, parent: Context) -> tuple[Context, list[Link]]:
        """Return the context of a message's sender, if nothing else is the parent, and links to all senders."""
        senders = [propagate.extract(one, Context()) for one in carriers(value, reads_body=self._reads_bodies)]
        contexts = [one for one in map(_span_context, senders) if one.is_valid]
        has_parent = _span_context(parent).is_valid
        if not has_parent and len(contexts) == 1 and not isinstance(value, list):
            return senders[0], []
        return parent, [Link(one) for one in contexts]

    def end(self, invocation: hosting.Invocation, outcome: hosting.InvocationOutcome, seconds: float) -> None:
        """End the span of an invocation, unless its response is still to be sent.

        An invocation without a span has not reached its hooks, because an input failed or another hook answered first.

        Args:
            invocation: the invocation.
            outcome: how it ended.
            seconds: how long it took.
        """
        span: InvocationSpan | None = invocation.state.get(STATE)
        if span is None:
            begun = time_ns() - int(seconds * 1e9)
            span = self._start(_NoContext, invocation, Context(), begun)
        if outcome.exception is not None and outcome.kind == "failed" and span.is_own:
            self._exceptions.record(span, outcome.exception)
        if span.awaits_response:
            span.outcome = outcome
            return
        span.finish(self._metrics, outcome, seconds)
        self._flusher.wake()

    def sent(
        self,
        invocation: hosting.Invocation,
        status: int,
        size: int,
        seconds: float,
        exception: BaseException | None,
    ) -> None:
        """End the span of an invocation whose response is sent.

        Args:
            invocation: the invocation.
            status: the status of the response.
            size: the size of its body, in bytes.
            seconds: the time since the invocation started.
            exception: why the response is not complete; None if it is.
        """
        span: InvocationSpan | None = invocation.state.get(STATE)
        if span is None or span.outcome is None:
            return
        if exception is not None and span.outcome.exception is None and span.is_own:
            self._exceptions.record(span, exception)
        if span.is_own:
            span.span.set_attribute("http.response.body.size", size)
        outcome, span.outcome = span.outcome, None
        span.finish(self._metrics, outcome, seconds, status, exception)
        self._flusher.wake()

    def close(self) -> None:
        """Send what is left, and send no log records any more."""
        if self._bridge is not None:
            self._bridge.close()
        self._flusher.close()


class _NoTrace:
    trace_parent = trace_state = ""


class _NoContext:
    """Stands for the context of an invocation that has not reached its hooks."""

    trace_context = _NoTrace


def _span_context(context: Context) -> SpanContext:
    return trace.get_current_span(context).get_span_context()


def _own_attributes(facts: FunctionFacts, invocation: hosting.Invocation, value: Any) -> Mapping[str, Any]:
    """Return the attributes of an invocation that is not an HTTP request."""
    if facts.is_message:
        return message_attributes(value, invocation)
    if facts.trigger == "timer":
        return timer_attributes()
    return data_attributes(value) if facts.trigger == "datasource" else {}


def _http_name(facts: FunctionFacts, attributes: Mapping[str, Any]) -> str:
    method = attributes.get("http.request.method", "HTTP")
    method = "HTTP" if method == "_OTHER" else method
    return f"{method} {facts.span_name}" if facts.span_name else str(method)
