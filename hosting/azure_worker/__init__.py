"""``hosting.extend``: the extension host inside Azure's own worker."""
