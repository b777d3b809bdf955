"""``hosting check``: what is wrong with a function app, or with an extension's project, before it is published."""
