"""``hosting image``: the files from which a container image of an app is built."""
