"""Stamps responses."""

from hosting_stamp.stamp import Stamp

__all__ = ["Stamp"]
