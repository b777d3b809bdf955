"""The ``hosting`` command line: one file for each command."""
