"""The function host: loads, extends, binds, starts, invokes, drains and stops an app."""
