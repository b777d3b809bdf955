"""An extension that profiles the functions that ask for it."""

from hosting_profile.extension import ProfileExtension

__all__ = ["ProfileExtension"]
