"""A guard that lets in callers with a bearer token, an API key, or a sign-in of App Service."""

from hosting_auth.extension import AuthExtension
from hosting_auth.principal import Principal
from hosting_auth.settings import ApiKey, AuthRule, AuthSettings, Issuer

__all__ = ["ApiKey", "AuthExtension", "AuthRule", "AuthSettings", "Issuer", "Principal", "__version__"]

__version__ = "0.1.0"
