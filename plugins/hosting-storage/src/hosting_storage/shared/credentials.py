"""Identities in place of keys: the ``NAME__credential`` kind of settings, as azure-identity credentials."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from hosting._install import install_command
from hosting.errors import FunctionLoadError

_KINDS = "managedidentity or workloadidentity"


def credential_of(parts: Mapping[str, str], name: str, *, asynchronous: bool = True) -> Any:
    """Make the credential that the settings ask for, as Azure's host does.

    Args:
        parts: the settings ``NAME__x``, as ``x`` in lower case.
        name: the connection's, for messages.
        asynchronous: which kind of client it is for.

    Raises:
        FunctionLoadError: azure-identity is not installed, or does not know the kind.
    """
    try:
        identity: Any = import_module("azure.identity.aio" if asynchronous else "azure.identity")
    except ImportError as error:
        raise FunctionLoadError(
            f"Connection '{name}' uses an identity, but the package azure-identity is not installed.",
            remedy=install_command("hosting-storage", "identity"),
        ) from error
    kind = parts.get("credential", "").lower()
    client, tenant, secret = parts.get("clientid"), parts.get("tenantid"), parts.get("clientsecret")
    if kind == "managedidentity":
        resource = parts.get("managedidentityresourceid")
        config = {"mi_res_id": resource} if resource else None
        return identity.ManagedIdentityCredential(client_id=client, identity_config=config)
    if kind == "workloadidentity":
        return identity.WorkloadIdentityCredential(
            client_id=client, tenant_id=tenant, token_file_path=parts.get("tokenfilepath")
        )
    if kind:
        raise FunctionLoadError(
            f"Connection '{name}': '{kind}' is no kind of credential.", remedy=f"{name}__credential may be {_KINDS}."
        )
    if client and tenant and secret:
        return identity.ClientSecretCredential(tenant, client, secret)
    return identity.DefaultAzureCredential(**({"managed_identity_client_id": client} if client else {}))
