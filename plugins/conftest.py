"""What the tests of every plugin have in common with the host's own."""

from tests.conftest import path_as_before

__all__ = ["path_as_before"]
