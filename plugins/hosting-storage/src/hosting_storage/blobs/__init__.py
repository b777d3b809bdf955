"""Blob triggers and bindings."""
