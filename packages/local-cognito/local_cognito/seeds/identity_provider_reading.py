"""Read the identity providers of a seed's pools. Does not depend on moto."""

import re
from collections.abc import Sequence
from typing import Any

from ..accounts.identity_providers import SOCIAL_TYPES, TYPES
from ..urls import is_secure_url
from . import values
from .seed import SeedClient, SeedIdentityProvider
from .values import Path, Table

OWN = "COGNITO"
# AWS API reference, ProviderNameTypeV2: no spaces, no underscore at either end.
_NAME = re.compile(r"[^_\s][^\s]{1,30}[^_\s]")


def https_or_loopback_url(value: Any) -> str:
    """Check a URL that the local Cognito sends requests to."""
    if not is_secure_url(values.non_empty_string(value)):
        raise ValueError("must be https (plain http is for loopback hosts only)")
    return str(value)


_PROVIDER = Table(
    required={
        "name": values.matching_pattern(
            _NAME, "must be 3 to 32 characters without spaces, with no underscore at either end"
        ),
        "client_id": values.non_empty_string,
        "oidc_issuer": https_or_loopback_url,
    },
    optional={
        "type": values.one_of(*TYPES),
        "client_secret": values.non_empty_string,
        "authorize_scopes": values.non_empty_string,
        "attributes_request_method": values.one_of("GET", "POST"),
        "attribute_mapping": values.string_mapping,
        "idp_identifiers": values.string_list,
        **dict.fromkeys(("authorize_url", "token_url", "attributes_url", "jwks_uri"), https_or_loopback_url),
    },
)


def read_providers(document: Any, path: Path) -> tuple[SeedIdentityProvider, ...]:
    """Return the identity providers of one pool. Raises SeedError."""
    providers = []
    for item, at in values.iterate_items(document, path):
        provider = SeedIdentityProvider(**_PROVIDER.read(item, at))
        if (provider.type in SOCIAL_TYPES or provider.name in (*SOCIAL_TYPES, OWN)) and provider.name != provider.type:
            raise at.error(f"a provider of the type {provider.type} cannot be called {provider.name}")
        providers.append(provider)
    values.require_unique([provider.name for provider in providers], path, "name")
    identifiers = [identifier for provider in providers for identifier in provider.idp_identifiers]
    values.require_unique(identifiers, path, "identifier")
    return tuple(providers)


def require_known_providers(client: SeedClient, providers: Sequence[SeedIdentityProvider], path: Path) -> None:
    """Raise SeedError unless the pool has all providers of the client."""
    names = [OWN, *(provider.name for provider in providers)]
    for name in client.identity_providers:
        if name not in names:
            raise (path / "identity_providers").error(values.unknown_name_message("identity provider", name, names))
