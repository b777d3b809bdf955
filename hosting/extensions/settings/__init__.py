"""Typed settings of extensions: values from host.json and from code, as an instance of the extension's own class."""
