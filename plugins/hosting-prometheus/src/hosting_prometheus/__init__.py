"""An extension that serves metrics of a function app to Prometheus."""

from hosting_prometheus.extension import PrometheusExtension
from hosting_prometheus.settings import PrometheusSettings

__all__ = ["PrometheusExtension", "PrometheusSettings", "__version__"]

__version__ = "0.1.0"
