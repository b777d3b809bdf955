"""Table bindings."""
