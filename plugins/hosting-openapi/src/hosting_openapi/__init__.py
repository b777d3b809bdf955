"""Validation of requests and responses with pydantic, and the OpenAPI document of an app."""

from hosting_openapi.extension import OpenApi
from hosting_openapi.marks import Body, Header, Path, Query, Response
from hosting_openapi.problems import problem
from hosting_openapi.settings import Settings

__all__ = ["Body", "Header", "OpenApi", "Path", "Query", "Response", "Settings", "problem"]

__version__ = "0.1.0"
