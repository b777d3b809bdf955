"""The options of ``hosting manifests``."""

from __future__ import annotations

from typing import Literal, NamedTuple

Target = Literal["kubernetes", "knative", "compose", "aca"]
HttpScaler = Literal["hpa", "httpscaledobject", "interceptorroute"]
TARGETS: tuple[Target, ...] = ("kubernetes", "knative", "compose", "aca")
HTTP_SCALERS: tuple[HttpScaler, ...] = ("hpa", "httpscaledobject", "interceptorroute")

PORT = 8080
"""The port of the host in a container: above 1024, because the user is not root."""
METRICS_PORT = 9464
CONCURRENT_REQUESTS = 50
"""Requests of one host at a time, above which another host is started where requests are counted."""
KEYS_FOLDER = "/run/secrets/functions-keys"
"""Where Azure's host reads keys that are mounted from a Secret; this host reads the same layout."""
PLACEHOLDER = "REPLACE-ME"
"""The value of every secret: real ones are never written."""
MARGIN_SECONDS = 10
"""Time after ``--drain-delay`` and ``--grace`` for hooks and outputs, before the platform kills the process."""


class ManifestOptions(NamedTuple):
    """What the command line says.

    Args:
        target: what the files are for.
        name: the name of the app there, a DNS label.
        image: the reference of the image; empty for ``build: .`` in a compose file.
        namespace: the namespace of the objects; empty for the one that they are applied to.
        pull_secret: the name of the Secret for the registry; empty for none.
        min_replicas: the fewest hosts for HTTP.
        max_replicas: the most hosts of each component that is scaled.
        polling_interval: the seconds between two questions of KEDA.
        cooldown_period: the seconds without a message after which KEDA stops the last host.
        drain_delay: the seconds in which a host for HTTP still accepts requests after SIGTERM.
        grace: the seconds in which a host completes its invocations; None for what host.json says.
        plain: the settings that are written with their values.
        http_scaler: the object that scales the hosts for HTTP on Kubernetes.
        hostname: the names in the header Host by which KEDA's HTTP add-on knows requests of the app.
        jobs: whether KEDA starts jobs, which end when their queues are empty, in place of hosts of a Deployment.
        cron: whether KEDA starts the host of timers only around the times at which they are due.
    """

    target: Target
    name: str
    image: str = ""
    namespace: str = ""
    pull_secret: str = ""
    min_replicas: int = 2
    max_replicas: int = 10
    polling_interval: int = 15
    cooldown_period: int = 300
    drain_delay: int = 5
    grace: int | None = None
    plain: tuple[str, ...] = ()
    http_scaler: HttpScaler = "hpa"
    hostname: tuple[str, ...] = ()
    jobs: bool = False
    cron: bool = False

    def command_line(self) -> str:
        """Return the command that makes the same files from the same app, without the paths of this machine."""
        words = [f"hosting manifests --target {self.target} --name {self.name}"]
        for field in self._fields[2:]:
            value = getattr(self, field)
            if value != self._field_defaults[field]:
                text = ",".join(value) if isinstance(value, tuple) else "" if value is True else value
                words.append(f"--{field.replace('_', '-')} {text}".rstrip())
        return " ".join(words)
