"""Loading a project in a process of its own, to examine the result."""
