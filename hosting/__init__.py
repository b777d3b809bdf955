"""The author's interface: everything an extension or a function app needs to import.

It must stay light: no server, no storage SDK and no command line is imported from here.
"""

from hosting.authoring import Order, Outcome, ShortCircuit, configure, hookimpl, use, without

__all__ = ["Order", "Outcome", "ShortCircuit", "__version__", "configure", "hookimpl", "use", "without"]

__version__ = "0.1.0"
