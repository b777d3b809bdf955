"""Binding types that no package provides."""
