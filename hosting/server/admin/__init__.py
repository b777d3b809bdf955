"""The management endpoints below ``/admin``."""
