"""A provider of binding types that no installed package provides."""
