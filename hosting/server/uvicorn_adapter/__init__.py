"""The HTTP server: uvicorn, adapted to this application."""
