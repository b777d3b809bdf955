"""How one invocation runs its hooks."""
