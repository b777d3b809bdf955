"""What faces the outside: the ASGI app, the server, the logs and the command line."""
