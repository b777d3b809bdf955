"""The ``hosting`` command line: one file a command."""
