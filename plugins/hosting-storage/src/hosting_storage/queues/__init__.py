"""Queue triggers and bindings."""
