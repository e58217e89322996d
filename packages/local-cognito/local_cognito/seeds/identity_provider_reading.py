"""The identity providers of a seed's pools. Knows no moto."""

import re
from collections.abc import Sequence
from typing import Any

from django_cognito.core.user_pool import is_secure_url

from ..accounts.identity_providers import SOCIAL_TYPES, TYPES
from . import values
from .seed import SeedClient, SeedIdentityProvider
from .values import Path, Table

OWN = "COGNITO"
# AWS API reference, ProviderNameTypeV2: no spaces, no underscore at either end.
_NAME = re.compile(r"[^_\s][^\s]{1,30}[^_\s]")


def address(value: Any) -> str:
    """Somewhere that the local Cognito may go to."""
    if not is_secure_url(values.text(value)):
        raise ValueError("must be https (plain http is for loopback hosts only)")
    return str(value)


_PROVIDER = Table(
    required={
        "name": values.matching(_NAME, "must be 3 to 32 characters without spaces, with no underscore at either end"),
        "client_id": values.text,
        "oidc_issuer": address,
    },
    optional={
        "type": values.one_of(*TYPES),
        "client_secret": values.text,
        "authorize_scopes": values.text,
        "attributes_request_method": values.one_of("GET", "POST"),
        "attribute_mapping": values.texts_by_name,
        "idp_identifiers": values.texts,
        **dict.fromkeys(("authorize_url", "token_url", "attributes_url", "jwks_uri"), address),
    },
)


def read_providers(document: Any, path: Path) -> tuple[SeedIdentityProvider, ...]:
    """The providers of one pool. Raises SeedError."""
    providers = tuple(_provider(item, at) for item, at in values.items(document, path))
    values.require_unique([each.name for each in providers], path, "name")
    identifiers = [identifier for each in providers for identifier in each.idp_identifiers]
    values.require_unique(identifiers, path, "identifier")
    return providers


def require_known_providers(client: SeedClient, providers: Sequence[SeedIdentityProvider], path: Path) -> None:
    """Nothing, if the pool has all of the client's providers. Raises SeedError."""
    names = [OWN, *(each.name for each in providers)]
    for name in client.identity_providers:
        if name not in names:
            raise (path / "identity_providers").error(values.unknown("identity provider", name, names))


def _provider(document: Any, path: Path) -> SeedIdentityProvider:
    provider = SeedIdentityProvider(**_PROVIDER.read(document, path))
    if (provider.type in SOCIAL_TYPES or provider.name in (*SOCIAL_TYPES, OWN)) and provider.name != provider.type:
        raise path.error(f"a provider of the type {provider.type} cannot be called {provider.name}")
    return provider
