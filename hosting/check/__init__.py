"""``hosting check``: find what is wrong with a function app or an extension's project before it is published."""
