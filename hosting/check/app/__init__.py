"""Rules for function apps."""
