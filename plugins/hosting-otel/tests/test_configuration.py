"""Configuration by variables, by the app and by Azure's settings; exporters that fail change nothing."""

from __future__ import annotations

import json
import logging
import sys
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.sdk import _configuration
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hosting_otel import OpenTelemetryExtension

from .conftest import Receiver, make_host

OTEL = {"otel": OpenTelemetryExtension}
FILES = {
    "function_app.py": """
import azure.functions as func
from opentelemetry import propagate

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("outgoing")
def outgoing(req: func.HttpRequest) -> str:
    carrier = {}
    propagate.inject(carrier)
    return carrier.get("traceparent", "") + " " + carrier.get("baggage", "")
"""
}
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{CALLER}-01"


def extension_of(host: Any) -> dict[str, Any]:
    """Return the extension as ``hosting diag`` shows it."""
    return next(one for one in host.diagnosis()["extensions"] if one["name"] == "otel")


NOTHING: dict[str, dict[str, str]] = {
    "no variable": {},
    "no exporter": {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
    "the SDK is off": {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_is_configured_where_nothing_would_be_sent(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions run as without the extension, and no provider is set."""
    for name, value in NOTHING[case].items():
        monkeypatch.setenv(name, value)
    with make_host(FILES, extensions=OTEL) as host:
        assert host.get("/api/outgoing").status == 200
        assert extension_of(host)["error"] is None
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


@pytest.mark.parametrize(
    ("variables", "host_json"),
    [({"PYTHON_ENABLE_OPENTELEMETRY": "1"}, {}), ({}, {"telemetryMode": "OpenTelemetry"})],
)
def test_settings_of_azure_put_functions_into_the_callers_trace(
    variables: dict[str, str], host_json: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, but what the function calls gets the caller's trace, as in Azure; and the host does not warn."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    files = {**FILES, "host.json": json.dumps({"version": "2.0", **host_json})}
    with make_host(files, extensions=OTEL) as host:
        assert host.get("/api/outgoing", headers={"traceparent": SAMPLED}).text.strip() == SAMPLED
        assert not [problem for problem in host.problems if "no effect" in problem.message]


MALFORMED: dict[str, tuple[dict[str, str], str]] = {
    "an exporter that is not installed": ({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin"),
    "a protocol that is not installed": ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "otlp_proto_grpc"),
    "a protocol that does not exist": ({"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon"}, "carrier-pigeon"),
    "an id generator that does not exist": ({"OTEL_PYTHON_ID_GENERATOR": "dice"}, "dice"),
    "a file without its package": ({"OTEL_CONFIG_FILE": "otel.yaml"}, "opentelemetry-configuration"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_variable_is_an_error_of_the_extension_alone(
    case: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The diagnosis names it and its value, and functions run."""
    variables, named = MALFORMED[case]
    if "grpc" in named:  # as where the extra is not installed
        monkeypatch.setattr(_configuration, "entry_points", lambda **_: iter(()))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "key=secret")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with make_host(FILES, extensions=OTEL) as host:
        assert host.get("/api/outgoing").status == 200
        error = str(extension_of(host)["error"])
    assert "OpenTelemetry cannot be configured" in error
    assert named in error
    assert "secret" not in error


HARMLESS: dict[str, dict[str, str]] = {
    "a sampler that does not exist": {"OTEL_TRACES_SAMPLER": "lottery"},
    "a rate that is not a number": {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "all"},
    "a level that does not exist": {"OTEL_PYTHON_LOG_HANDLER_LEVEL": "loud"},
    "an interval that is not a number": {"OTEL_METRIC_EXPORT_INTERVAL": "often", "OTEL_BSP_SCHEDULE_DELAY": "soon"},
    "attributes that are none": {"OTEL_RESOURCE_ATTRIBUTES": "service.name"},
    "headers that are none": {"OTEL_EXPORTER_OTLP_HEADERS": "nothing"},
    "compressed": {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
    "an empty protocol": {"OTEL_EXPORTER_OTLP_PROTOCOL": ""},
    "a name": {"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"},
}


@pytest.mark.parametrize("case", HARMLESS)
def test_span_arrives_with_variables_that_the_sdk_takes_or_ignores(
    case: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK warns about what is malformed, and uses its default."""
    for name, value in HARMLESS[case].items():
        monkeypatch.setenv(name, value)
    with make_host(FILES, extensions=OTEL) as host:
        host.get("/api/outgoing")
        assert extension_of(host)["error"] is None
    resource = receiver.span("GET /api/outgoing").resource
    assert resource["service.name"] == ("shop" if case == "a name" else host.root.name)
    assert ("deployment.environment.name" in resource) == (case == "a name")


SENT: dict[str, tuple[dict[str, str], dict[str, str], int, str, str]] = {
    # variables, the request's headers, the number of spans, the trace that the function sends on, its flags
    "sampled": ({}, {"traceparent": SAMPLED}, 1, TRACE, "01"),
    "not sampled": ({}, {"traceparent": f"00-{TRACE}-{CALLER}-00"}, 0, TRACE, "00"),
    "sampler off": ({"OTEL_TRACES_SAMPLER": "always_off"}, {"traceparent": SAMPLED}, 0, TRACE, "00"),
    "malformed": ({}, {"traceparent": f"00-{TRACE}-{CALLER}-1"}, 1, "", "01"),
    "zeros": ({}, {"traceparent": f"00-{'0' * 32}-{CALLER}-01"}, 1, "", "01"),
    "of another version": ({}, {"traceparent": f"ff-{TRACE}-{CALLER}-01"}, 1, "", "01"),
    "8 KB": ({}, {"traceparent": "0" * 8000}, 1, "", "01"),
    "baggage": ({}, {"traceparent": SAMPLED, "baggage": "user=7"}, 1, TRACE, "01"),
    "no propagator": ({"OTEL_PROPAGATORS": "none"}, {"traceparent": SAMPLED}, 1, "", ""),
}


@pytest.mark.parametrize("case", SENT)
def test_function_sends_on_what_the_caller_says(case: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parents, sampling and baggage follow the W3C; what is malformed starts a trace of its own."""
    variables, headers, count, trace_id, flags = SENT[case]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if "OTEL_PROPAGATORS" in variables:
        from opentelemetry import propagate
        from opentelemetry.propagators.composite import CompositePropagator

        monkeypatch.setattr(propagate, "propagator", CompositePropagator([]))  # read once for each process
    with make_host(FILES, extensions=OTEL) as host:
        parent, _, baggage = host.get("/api/outgoing", headers=headers).text.partition(" ")
    assert len(receiver.spans) == count
    if flags:
        _, sent_trace, sent_span, sent_flags = parent.split("-")
        assert int(sent_flags, 16) & 1 == int(flags), "a new trace has another flag: its id is random"
        assert sent_trace == trace_id or not trace_id
        assert [span.span_id for span in receiver.spans] == [sent_span] * count
        assert [span.parent_id for span in receiver.spans] == [CALLER if trace_id else ""] * count
    assert baggage == headers.get("baggage", "")
    assert len(receiver.points("faas.invocations")) == 1, "what is not sampled is counted"


FAILING: dict[str, int] = {"errors": 500, "refusals": 401, "too many": 429}


@pytest.mark.parametrize("case", [*FAILING, "nobody listens", "it hangs"])
def test_receiver_that_fails_changes_no_answer(case: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions answer while exporters wait, and the host closes after ``flush_timeout``."""
    if case == "nobody listens":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    elif case == "it hangs":
        receiver.may_answer.clear()
    else:
        receiver.status = FAILING[case]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with make_host(FILES, extensions=OTEL, flush_timeout=0.05, flush="invocation") as host:
        for _ in range(3):
            assert host.get("/api/outgoing").status == 200
        if case == "it hangs":
            receiver.wait_for(lambda: bool(receiver.messages))
            assert host.get("/api/outgoing").status == 200
    receiver.may_answer.set()
    errors = [one for one in host.logs if one.name.startswith("hosting.extensions")]
    assert errors == []


def test_setting_that_is_not_valid_is_named(receiver: Receiver) -> None:
    """As for every extension with typed settings."""
    with make_host(FILES, extensions=OTEL, flush_timeout=-1.0) as host:
        assert "flush_timeout must be a number of seconds above zero" in str(extension_of(host)["error"])
        assert host.get("/api/outgoing").status == 200


def test_providers_of_the_app_are_used() -> None:
    """Nothing is configured beside them, not even where a collector is named."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    with make_host(FILES, extensions=OTEL) as host:
        host.get("/api/outgoing")
    assert [span.name for span in exporter.get_finished_spans()] == ["GET /api/outgoing"]
    assert trace.get_tracer_provider() is provider


def test_log_bridge_of_opentelemetry_instrument_is_not_doubled(receiver: Receiver) -> None:
    """Records are sent once if the process runs under ``opentelemetry-instrument``."""
    from opentelemetry.distro import OpenTelemetryConfigurator

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        for signal in ("TRACES", "METRICS", "LOGS"):
            patch.setenv(f"OTEL_{signal}_EXPORTER", "otlp")
        make_configurator: Any = OpenTelemetryConfigurator
        make_configurator().configure()
    patched = [(logging, "basicConfig"), (logging.config, "fileConfig"), (logging.config, "dictConfig")]
    with pytest.MonkeyPatch.context() as patch:
        for module, name in patched:
            patch.setattr(module, name, getattr(module, name))
        LoggingInstrumentor().instrument()
        try:
            with make_host(FILES, extensions=OTEL) as host:
                host.get("/api/outgoing")
                logging.getLogger("mine").warning("once")
        finally:
            LoggingInstrumentor().uninstrument()
    assert [log.body for log in receiver.logs if log.logger == "mine"] == ["once"]
    assert len(receiver.spans) == 1


def test_second_host_of_a_process_uses_the_same_providers(receiver: Receiver) -> None:
    """The first one has flushed them, and they stay open: tests, and a reload, start several hosts."""
    for _ in range(2):
        with make_host(FILES, extensions=OTEL) as host:
            host.get("/api/outgoing")
    assert len(receiver.spans) == 2


@pytest.fixture
def azure_monitor(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stand in for azure-monitor-opentelemetry; return the options that it is configured with."""
    calls: list[dict[str, Any]] = []
    module: Any = ModuleType("azure.monitor.opentelemetry")
    module.configure_azure_monitor = lambda **options: calls.append(options)
    monkeypatch.setitem(sys.modules, "azure.monitor", ModuleType("azure.monitor"))
    monkeypatch.setitem(sys.modules, "azure.monitor.opentelemetry", module)
    monkeypatch.setenv("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "true")
    monkeypatch.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=1")
    return calls


def test_setting_of_azure_configures_azure_monitor(
    azure_monitor: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the options that Azure's worker passes."""
    monkeypatch.setenv("PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME", "shop")
    with make_host(FILES, extensions=OTEL) as host:
        assert host.get("/api/outgoing").status == 200
    assert azure_monitor == [{"connection_string": "InstrumentationKey=1", "logger_name": "shop"}]


def test_setting_of_azure_without_its_package_is_an_error(
    azure_monitor: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "azure.monitor.opentelemetry", None)
    with make_host(FILES, extensions=OTEL) as host:
        assert "azure-monitor-opentelemetry is not installed" in str(extension_of(host)["error"])
        assert host.get("/api/outgoing").status == 200
