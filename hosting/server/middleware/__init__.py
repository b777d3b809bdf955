"""ASGI middleware around the function routes."""
