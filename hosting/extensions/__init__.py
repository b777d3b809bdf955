"""The extension host: it knows extensions and functions, and nothing of HTTP, storage, or how an app is read."""

from hosting.extensions._discovery import installed_entry_points
from hosting.extensions.host import ExtensionHost, Invoker

__all__ = ["ExtensionHost", "Invoker", "installed_entry_points"]
