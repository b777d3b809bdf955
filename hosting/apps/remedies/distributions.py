"""The distributions behind modules: what an app requires, what is installed, and where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from hosting._distributions import distribution_name, installed, installed_version, modules_of
from hosting._text import closest
from hosting.apps.requirements import FILE, RequirementLine, parse_requirements, read_requirements

PYPROJECT = "pyproject.toml"

DISTRIBUTIONS: Mapping[str, Sequence[str]] = {
    "attr": ("attrs",),
    "azure.cosmos": ("azure-cosmos",),
    "azure.data.tables": ("azure-data-tables",),
    "azure.durable_functions": ("azure-functions-durable",),
    "azure.eventgrid": ("azure-eventgrid",),
    "azure.eventhub": ("azure-eventhub",),
    "azure.functions": ("azure-functions",),
    "azure.identity": ("azure-identity",),
    "azure.keyvault.secrets": ("azure-keyvault-secrets",),
    "azure.monitor.opentelemetry": ("azure-monitor-opentelemetry",),
    "azure.servicebus": ("azure-servicebus",),
    "azure.storage.blob": ("azure-storage-blob",),
    "azure.storage.filedatalake": ("azure-storage-file-datalake",),
    "azure.storage.queue": ("azure-storage-queue",),
    "azurefunctions.extensions.bindings.blob": ("azurefunctions-extensions-bindings-blob",),
    "azurefunctions.extensions.bindings.cosmosdb": ("azurefunctions-extensions-bindings-cosmosdb",),
    "azurefunctions.extensions.bindings.eventhub": ("azurefunctions-extensions-bindings-eventhub",),
    "azurefunctions.extensions.bindings.servicebus": ("azurefunctions-extensions-bindings-servicebus",),
    "azurefunctions.extensions.http.fastapi": ("azurefunctions-extensions-http-fastapi",),
    "bs4": ("beautifulsoup4",),
    "Crypto": ("pycryptodome",),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "dateutil": ("python-dateutil",),
    "docx": ("python-docx",),
    "dotenv": ("python-dotenv",),
    "fitz": ("PyMuPDF",),
    "git": ("GitPython",),
    "google.cloud.bigquery": ("google-cloud-bigquery",),
    "google.cloud.storage": ("google-cloud-storage",),
    "google.protobuf": ("protobuf",),
    "googleapiclient": ("google-api-python-client",),
    "jose": ("python-jose",),
    "jwt": ("PyJWT",),
    "ldap": ("python-ldap",),
    "Levenshtein": ("Levenshtein", "python-Levenshtein"),
    "magic": ("python-magic",),
    "multipart": ("python-multipart",),
    "MySQLdb": ("mysqlclient",),
    "nacl": ("PyNaCl",),
    "OpenSSL": ("pyOpenSSL",),
    "PIL": ("Pillow",),
    "pkg_resources": ("setuptools",),
    "pptx": ("python-pptx",),
    "psycopg": ("psycopg", "psycopg-binary"),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
    "serial": ("pyserial",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "slugify": ("python-slugify",),
    "snowflake": ("snowflake-connector-python",),
    "socks": ("PySocks",),
    "telegram": ("python-telegram-bot",),
    "websocket": ("websocket-client",),
    "yaml": ("PyYAML",),
    "zmq": ("pyzmq",),
}
"""Well-known distributions with another name than their module, the usual one first."""

SHARED = frozenset({"azure", "azurefunctions", "google", "opentelemetry"})
"""Top-level names that many distributions share."""


_SIMILAR = 0.8
"""How similar a misspelled name is."""


class Required:
    """What an app requires, from its ``requirements.txt`` and its ``pyproject.toml``.

    Args:
        root: the app's folder.
    """

    def __init__(self, root: Path) -> None:
        self._lines = [*_of_file(root), *_of_pyproject(root)]

    def providing(self, module: str) -> RequirementLine | None:
        """Return the requirement that provides a module, as far as its name shows; None if there is none."""
        wanted = {str(canonicalize_name(name)) for name in likely_distributions(module)}
        # Python reports the part of a shared name that is missing, such as azure.storage.
        start = f"{canonicalize_name(module)}-" if module.partition(".")[0] in SHARED and "." in module else "-"
        return next((line for line in self._lines if line.name in wanted or line.name.startswith(start)), None)

    def similar(self, module: str) -> RequirementLine | None:
        """Return the requirement with a name of which a module's is a misspelling; None if there is none."""
        name = closest(str(canonicalize_name(module)), [line.name for line in self._lines], cutoff=_SIMILAR)
        return next((line for line in self._lines if line.name == name), None)


def likely_distributions(module: str) -> Iterator[str]:
    """Yield the names of distributions that may provide a module, such as ``azure.storage.blob``."""
    yield from usual_distributions(module)
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        yield "-".join(parts[:count])


def usual_distributions(module: str) -> Iterator[str]:
    """Yield the well-known distributions of a module, or of the package that it is in."""
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        yield from DISTRIBUTIONS.get(".".join(parts[:count]), ())


def provider(module: str) -> tuple[str, str] | None:
    """Return name and version of the installed distribution that provides a module; None if none does.

    Of several with the same top-level name it is the one that is named like the module.
    """
    top = module.partition(".")[0]
    names = [distribution_name(one) or name for name, one in installed() if top in modules_of(one)]
    likely = [str(canonicalize_name(name)) for name in likely_distributions(module)]
    named = [name for wanted in likely for name in names if str(canonicalize_name(name)) == wanted]
    name = named[0] if named else names[0] if len(names) == 1 else None
    found = installed_version(name) if name else None
    return (name, found) if name and found else None


def other_environment(root: Path, module: str) -> Path | None:
    """Return a virtual environment in the app's folder that has a module, and that this process does not run in."""
    for name in (".venv", "venv", "env", ".env"):
        folder = root / name
        if (folder / "pyvenv.cfg").is_file() and folder.resolve() != Path(sys.prefix).resolve():
            top = module.replace(".", "/")
            for pattern in ("lib/python*/site-packages", "Lib/site-packages"):
                found = (path / part for path in folder.glob(pattern) for part in (top, f"{top}.py"))
                if any(path.exists() for path in found):
                    return folder
    return None


def _of_file(root: Path) -> list[RequirementLine]:
    try:
        return read_requirements(root, root / FILE)[0]
    except OSError:
        return []


def _of_pyproject(root: Path) -> list[RequirementLine]:
    import tomllib

    try:
        text = (root / PYPROJECT).read_text("utf-8")
        listed = tomllib.loads(text).get("project", {}).get("dependencies", [])
        return parse_requirements([one for one in listed if isinstance(one, str)], PYPROJECT, text)[0]
    except (OSError, ValueError, AttributeError, TypeError):
        return []
