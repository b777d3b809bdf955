"""Loading a project in a process of its own, to look at the result."""
