"""Rules for extension packages."""
