"""A file for Docker Compose: one host on one machine, which runs every function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hosting.deploy.manifests.documents import ManifestFile
from hosting.deploy.manifests.options import MARGIN_SECONDS, PLACEHOLDER, PORT
from hosting.deploy.manifests.plan import Plan

_ENV_FILE = "settings.env"
_NOTES = (f"Copy settings.example.env to {_ENV_FILE}, fill it in, and keep it out of the repository.",)
_ENV_NOTES = (
    f"A template: copy it to {_ENV_FILE} and fill it in.",
    "HOSTING_KEYS_SECRET is what all keys are made of: 32 random bytes or more, for example of 'openssl rand -hex 32'.",
)


def compose_files(plan: Plan) -> list[ManifestFile]:
    """Return the compose file, and a template for the settings that it reads from a file."""
    document = {"name": plan.options.name, "services": {plan.options.name: _service(plan)}}
    lines = [f"{name}={PLACEHOLDER}\n" for name in ("HOSTING_KEYS_SECRET", *plan.settings.secrets)]
    template = ManifestFile("settings.example.env", notes=_ENV_NOTES, is_template=True, text="".join(lines))
    notes = [note for component in plan.components for note in component.notes]
    return [ManifestFile("compose.yaml", (document,), [*_NOTES, *notes]), template]


def _service(plan: Plan) -> dict[str, Any]:
    # Every function runs in the one service, which has the time of the longest; no balancer looks at its readiness.
    grace = max(map(plan.grace, plan.components))
    arguments = ["--host", "0.0.0.0", "--port", str(PORT), "--grace", str(grace)]
    values = {**plan.settings.values, "XDG_STATE_HOME": "/tmp/state"}
    return {
        **dict(_image(plan)),
        "entrypoint": ["hosting", "start"],  # the arguments alone would come after the entry point of the image
        "command": arguments,
        "ports": [f"127.0.0.1:{PORT}:{PORT}"],
        "environment": {name: value.replace("$", "$$") for name, value in values.items()},
        "env_file": [_ENV_FILE],
        "user": "10001:10001",
        "read_only": True,
        "tmpfs": ["/tmp:mode=1777"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "stop_grace_period": f"{grace + MARGIN_SECONDS}s",
        "restart": "unless-stopped",
        "healthcheck": {
            "test": ["CMD", "hosting", "health", f"http://127.0.0.1:{PORT}"],
            "interval": "30s",
            "timeout": "5s",
            "start_period": "60s",
            "retries": 3,
        },
    }


def _image(plan: Plan) -> Iterator[tuple[str, Any]]:
    if plan.options.image:
        yield "image", plan.options.image
    else:
        yield "build", {"context": "."}
    yield "init", True
