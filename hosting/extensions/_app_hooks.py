"""What a host needs once it has the functions of an app; a cold start in Azure imports it after the app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hosting.app_handle import SharedApp
from hosting.authoring import Registrations
from hosting.core import Function
from hosting.extensions._chains import Chains
from hosting.extensions._config import Config
from hosting.extensions._function_setup import FunctionSetup
from hosting.extensions._hooks import CALLED_AT_EDGES
from hosting.extensions._optin import OptIns
from hosting.extensions._registry import Registry
from hosting.extensions._selection import Selection
from hosting.extensions._start_monitor import StartMonitor
from hosting.extensions._typed_settings import TypedSettings
from hosting.extensions.dispatch.watchdog import Watchdog

if TYPE_CHECKING:
    from hosting.extensions._edges import EdgeLimits, Edges


class AppHooks:
    """What extensions see of the app, their opt-ins and settings, and the hooks of each function.

    Args:
        config: the configuration of the host.
        environ: the app's settings.
        registry: the extensions.
        monitor: names hooks that take long.
    """

    def __init__(self, config: Config, environ: Mapping[str, str], registry: Registry, monitor: StartMonitor) -> None:
        self._config, self._registry = config, registry
        self.app = SharedApp()
        self.opt_ins = OptIns((), Registrations(), config)
        self.selection = Selection((), (), self.opt_ins)
        self.typed_settings = TypedSettings(environ)
        self.setup = FunctionSetup(registry, self.typed_settings, config.budgets.hook, monitor)
        self.watchdog = Watchdog(config.budgets.hook)
        self.chains = Chains(registry, self.setup, self.watchdog, config.quarantine_after)
        self.edges: dict[Function, Edges | None] = {}
        self.edge_limits: EdgeLimits | None = None
        """The limits of the hooks at the edges of invocations; None if there are none."""

    def opt_in(self, functions: Sequence[Function], registrations: Registrations) -> None:
        """Read the opt-ins of functions anew."""
        self.opt_ins = OptIns(functions, registrations, self._config)

    def select(self, functions: Sequence[Function]) -> None:
        """Select the extensions of each function anew."""
        self.selection = Selection(functions, self._registry.ordered, self.opt_ins, self.setup.failed)

    def find_edges(self, functions: Sequence[Function]) -> None:
        """Find the hooks at the edges of the functions' invocations."""
        if not any(map(self._registry.hooks, CALLED_AT_EDGES)):
            return
        from hosting.extensions._edges import EdgeLimits, find_edges  # few extensions have such hooks

        budget, after = self._config.budgets.hook, self._config.quarantine_after
        self.edge_limits = self.edge_limits or EdgeLimits(budget, after, self.chains.quarantine)
        self.edges |= find_edges(functions, self._registry.hooks, self.selection, self.edge_limits)
