"""The management endpoints below ``/admin``, and the home page."""
