"""The ASGI application that serves a function app, and its HTTP server."""
