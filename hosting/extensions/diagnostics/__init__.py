"""Diagnosis of extensions: what is reported about them."""
