"""How log records are written: levels, formats and the lines of an invocation."""
