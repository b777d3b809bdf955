"""Function apps: their settings, ``host.json``, and their functions of either programming model as the core types."""
