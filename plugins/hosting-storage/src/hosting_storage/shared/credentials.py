"""Identity-based connections: azure-identity credentials from the settings ``NAME__credential`` and others."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from hosting._install import install_command
from hosting.errors import FunctionLoadError

_KINDS = "managedidentity or workloadidentity"


def credential_of(parts: Mapping[str, str], name: str, *, asynchronous: bool = True) -> Any:
    """Return the credential that the settings describe, as Azure's host does.

    Args:
        parts: the settings ``NAME__x``, by ``x`` in lower case.
        name: the connection's name, for messages.
        asynchronous: whether it is for an async client.

    Raises:
        FunctionLoadError: azure-identity is not installed, or the kind of credential is unknown.
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
            f"Connection '{name}': '{kind}' is not a kind of credential.", remedy=f"Set {name}__credential to {_KINDS}."
        )
    if client and tenant and secret:
        return identity.ClientSecretCredential(tenant, client, secret)
    return identity.DefaultAzureCredential(**({"managed_identity_client_id": client} if client else {}))
