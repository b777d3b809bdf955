"""An app and an extension that log with structlog, which neither of them configures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
SITE = ".python_packages/lib/site-packages"


def shop_files(*, host_json: str = '{"version": "2.0"}') -> Mapping[str, str]:
    """Return the files of the app, with the extension installed in its own site-packages."""
    return {
        "host.json": host_json,
        "function_app.py": (HERE / "app" / "function_app.py").read_text("utf-8"),
        f"{SITE}/shop_extension.py": (HERE / "packages" / "shop_extension.py").read_text("utf-8"),
        f"{SITE}/shop-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n",
        f"{SITE}/shop-1.0.dist-info/entry_points.txt": "[hosting]\nshop = shop_extension\n",
    }
