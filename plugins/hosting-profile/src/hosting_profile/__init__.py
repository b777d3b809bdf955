"""An extension that profiles the functions that ask for it."""

from hosting_profile.extension import ProfileExtension
from hosting_profile.settings import ProfileSettings

__all__ = ["ProfileExtension", "ProfileSettings"]
