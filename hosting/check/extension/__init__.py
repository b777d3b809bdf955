"""Rules for the projects of extensions."""
