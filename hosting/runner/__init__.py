"""The processes behind ``hosting start``."""
