"""The text of the Dockerfile: packages in one stage, the app in another, and an image without pip and a root user."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hosting.deploy.image.options import PORT, USER, ImageOptions
from hosting.deploy.image.requirements import IMAGE_FILE, LOCK_FILE, Installation

APP_FOLDER = "/home/site/wwwroot"
"""Where Azure's images have the app."""

_VENV = "/opt/venv"
_UV_VERSION = "0.13.9"
_SBOM_VERSION = "7.5.0"
_SBOM = "/usr/share/sbom/app.cdx.json"
_PIP_FOLDER, _UV_FOLDER = "/var/cache/pip", "/var/cache/uv"
_CACHE = f"--mount=type=cache,target={_PIP_FOLDER}"
_UV_CACHE = f"--mount=type=cache,target={_UV_FOLDER}"
_CONFIGURATION = "--mount=type=secret,id=pip_conf,target=/etc/pip.conf"
"""An optional file with the address of a package index; it is not part of any layer."""
_COMPILE = "-m compileall -q --invalidation-mode unchecked-hash"


def dockerfile(options: ImageOptions, found: Installation) -> str:
    """Return the text of the Dockerfile, without its header.

    Args:
        options: what the command line says.
        found: how the image gets its packages.
    """
    stages = [_head(options), _build(options, found), _app(options, found)]
    if options.sbom:
        stages.append(_sbom(options))
    return "\n".join([*stages, _final(options)])


def _head(options: ImageOptions) -> str:
    return _lines(
        f"# Build:  docker build --tag {options.name} .",
        "# Run:    docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \\",
        f"#           --publish {PORT}:{PORT} --env HOSTING_KEYS_SECRET {options.name}",
        "# To build the same image again, name the base with its digest: --build-arg BASE=...@sha256:...",
        f"ARG BASE={options.base_image}",
    )


def _build(options: ImageOptions, found: Installation) -> str:
    return _lines(
        "# The packages, in a virtual environment that is copied as a whole.",
        "FROM ${BASE} AS build",
        f"ENV PIP_CACHE_DIR={_PIP_FOLDER} PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONHASHSEED=0",
        *_git(found),
        f"WORKDIR {APP_FOLDER}",
        f"RUN python -m venv --without-pip {_VENV}",
        *_copies(options, found),
        *_install(options, found),
        "# Bytecode that does not depend on the time of the build; a file that does not compile fails nothing.",
        f"RUN {_VENV}/bin/python {_COMPILE} {_VENV}/lib || true",
    )


def _git(found: Installation) -> Iterator[str]:
    if found.needs_git:
        yield "# A package comes from a repository."
        yield "# hadolint ignore=DL3008"
        yield ("RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*")


def _copies(options: ImageOptions, found: Installation) -> Iterator[str]:
    if found.needs_sources:
        yield "# A package is in the folder of the app."
        yield "COPY . ."
        return
    by_folder: dict[str, list[str]] = {}
    for file in found.files:
        by_folder.setdefault(file.rpartition("/")[0], []).append(file)
    if found.uses_uv and found.lines:
        by_folder.setdefault("", []).append(IMAGE_FILE)
    for folder, files in by_folder.items():
        yield f"COPY {json.dumps([*files, f'./{folder}/' if folder else './'])}"
    if options.wheels:
        yield f"COPY {json.dumps([f'{options.wheels}/', f'./{options.wheels}/'])}"


def _install(options: ImageOptions, found: Installation) -> Iterator[str]:
    if found.uses_uv:
        yield from _install_with_uv(options, found)
        return
    lock = LOCK_FILE in found.files
    wheels = _find_links(options)
    flags = f"--require-hashes --requirement {LOCK_FILE}" if lock else f"--requirement {IMAGE_FILE}"
    yield f"RUN {_CACHE} {_CONFIGURATION} \\"
    yield f"    pip --python {_VENV}/bin/python install --no-compile{wheels} {flags}"


def _find_links(options: ImageOptions) -> str:
    return f" --find-links {options.wheels}" if options.wheels else ""


def _install_with_uv(options: ImageOptions, found: Installation) -> Iterator[str]:
    groups = "".join(f" --group {group}" for group in found.groups)
    yield f"ARG UV_VERSION={_UV_VERSION}"
    yield f"ENV UV_PROJECT_ENVIRONMENT={_VENV} UV_CACHE_DIR={_UV_FOLDER} UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never"
    yield f'RUN {_CACHE} {_CONFIGURATION} pip install --no-compile "uv==${{UV_VERSION}}"'
    yield f"RUN {_UV_CACHE} uv sync --locked --no-default-groups{groups} --no-install-project"
    if found.lines:
        target = f"--python {_VENV}/bin/python{_find_links(options)}"
        yield f"RUN {_UV_CACHE} uv pip install {target} --requirement {IMAGE_FILE}"


def _app(options: ImageOptions, found: Installation) -> str:
    remove = f"rm -r {options.wheels} && " if options.wheels else ""
    return _lines(
        "# The app, which its user can read and not change.",
        "FROM build AS app",
        *(() if found.needs_sources else ("COPY . .",)),
        f"RUN {remove}chmod -R u=rwX,go=rX . && {{ {_VENV}/bin/python {_COMPILE} . || true; }}",
    )


def _sbom(options: ImageOptions) -> str:
    flags = f"--no-compile{_find_links(options)}"
    return _lines(
        "# The list of all packages, as CycloneDX.",
        "FROM build AS sbom",
        f"RUN {_CACHE} {_CONFIGURATION} \\",
        f"    python -m venv /opt/sbom && /opt/sbom/bin/pip install {flags} cyclonedx-bom=={_SBOM_VERSION}",
        "RUN /opt/sbom/bin/cyclonedx-py environment --output-reproducible --output-file /app.cdx.json \\",
        f"    {_VENV}/bin/python",
    )


def _final(options: ImageOptions) -> str:
    title = "org.opencontainers.image"
    sbom = [f"COPY --from=sbom /app.cdx.json {_SBOM}"] if options.sbom else []
    arguments = ["--host", "0.0.0.0", "--port", str(PORT), "--log-format", "json"]
    arguments += ["--missing-outputs", "log"] if options.missing_outputs == "log" else []
    return _lines(
        "FROM ${BASE}",
        "ARG BASE",
        'ARG VERSION=""',
        'ARG REVISION=""',
        'ARG SOURCE=""',
        'ARG CREATED=""',
        f'LABEL {title}.title="{options.name}" \\',
        *(f'      {title}.{name}="${{{name.upper()}}}" \\' for name in ("version", "revision", "source", "created")),
        f'      {title}.base.name="${{BASE}}"',
        f'ENV PATH="{_VENV}/bin:${{PATH}}" \\',
        "    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \\",
        f"    FUNCTIONS_WORKER_RUNTIME=python AzureWebJobsScriptRoot={APP_FOLDER}",
        f"WORKDIR {APP_FOLDER}",
        f"COPY --from=build {_VENV} {_VENV}",
        *sbom,
        f"COPY --from=app {APP_FOLDER} ./",
        f"USER {USER}:{USER}",
        f"EXPOSE {PORT}",
        "STOPSIGNAL SIGTERM",
        "HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \\",
        f"    CMD {json.dumps(['hosting', 'health', f'http://127.0.0.1:{PORT}', '--timeout', '8'])}",
        'ENTRYPOINT ["hosting", "start"]',
        f"CMD {json.dumps(arguments)}",
    )


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)
