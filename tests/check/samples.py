"""An app and an extension's project in which there is nothing to mend, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

APP: Mapping[str, str] = {
    "host.json": """{
  "version": "2.0",
  "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}
}
""",
    "local.settings.json": """{
  "IsEncrypted": false,
  "Values": {
    "FUNCTIONS_WORKER_RUNTIME": "python"
  }
}
""",
    ".funcignore": "local.settings.json\n.venv/\ntests/\n",
    ".gitignore": "local.settings.json\n.venv/\n",
    "requirements.txt": "azure-functions\n",
    "function_app.py": """import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("hello")
def hello(req: func.HttpRequest) -> str:
    return "Hello"
""",
}

EXTENSION: Mapping[str, str] = {
    "pyproject.toml": """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "hosting-stamp"
version = "0.1.0"
description = "Stamps responses."
readme = "README.md"
requires-python = ">=3.11"
license = "MIT"
dependencies = [
    "azure-functions>=1.21",
    "hosting>=0.1",
]

[project.entry-points.hosting]
stamp = "hosting_stamp:Stamp"
""",
    "README.md": "# hosting-stamp\n\n## Install\n\npip install it.\n\n## Configure\n\n`color` is the one setting.\n",
    "LICENSE": "MIT License\n",
    "src/hosting_stamp/__init__.py": """\"\"\"Stamps responses.\"\"\"

from hosting_stamp.stamp import Stamp

__all__ = ["Stamp"]
""",
    "src/hosting_stamp/stamp.py": """\"\"\"The extension.\"\"\"

import azure.functions as func

import hosting


class Stamp:
    color = "red"

    @hosting.hookimpl
    def configure(self, settings):
        self.color = settings.get("color", self.color)

    @hosting.hookimpl
    async def post_invocation_app_level(self, context, func_ret):
        if isinstance(func_ret, func.HttpResponse):
            func_ret.headers["X-Stamp"] = self.color
""",
    "src/hosting_stamp/py.typed": "",
}


def write(root: Path, files: Mapping[str, str | None]) -> Path:
    """Write files below ``root``, making their folders; None takes one away."""
    for name, content in files.items():
        path = root / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return root


def replaced(files: Mapping[str, str], name: str, old: str, new: str) -> dict[str, str]:
    """One of the files with a part of its text replaced."""
    assert old in files[name]
    return {name: files[name].replace(old, new)}
