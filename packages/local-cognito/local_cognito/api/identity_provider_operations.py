"""The identity provider operations that moto does not have, and checks before those of moto.

Source: AWS API reference, "CreateIdentityProvider", "UpdateIdentityProvider", "GetIdentityProviderByIdentifier".
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..accounts.identity_providers import SOCIAL_TYPES, require_valid_details
from ..aws_json import Answer, Parameters
from ..errors import ServiceError, require_parameter
from ..user_pool_service import UserPoolService


class IdentityProviderOperations:
    """The identity providers of one local Cognito. The caller holds the lock. Raises ServiceError."""

    def __init__(self, service: UserPoolService) -> None:
        self._service = service
        self.by_name: dict[str, Callable[[Parameters], Answer]] = {
            "GetIdentityProviderByIdentifier": self.get_identity_provider_by_identifier
        }
        # Run before moto's operation of the same name, which validates nothing.
        self.checks: dict[str, Callable[[Parameters], None]] = {
            "CreateIdentityProvider": self.check_create_identity_provider,
            "UpdateIdentityProvider": self.check_update_identity_provider,
        }

    def check_create_identity_provider(self, parameters: Parameters) -> None:
        """Check CreateIdentityProvider before moto runs it."""
        pool = self._service.pools.get(str(parameters.get("UserPoolId")))
        name, kind = require_parameter(parameters, "ProviderName"), require_parameter(parameters, "ProviderType")
        if name in pool.identity_providers:
            raise ServiceError("DuplicateProviderException", f"A provider already exists with the name {name}.")
        if (kind in SOCIAL_TYPES or name in SOCIAL_TYPES) and name != kind:
            raise ServiceError("InvalidParameterException", f"A provider of the type {kind} cannot be called {name}")
        require_valid_details(kind, _details(parameters))
        self._require_free(parameters, name)

    def check_update_identity_provider(self, parameters: Parameters) -> None:
        """Check UpdateIdentityProvider before moto runs it."""
        pool = self._service.pools.get(str(parameters.get("UserPoolId")))
        name = require_parameter(parameters, "ProviderName")
        provider = pool.identity_providers.get(name)
        if provider is None:
            raise ServiceError("ResourceNotFoundException", f"Identity provider {name} does not exist.")
        if "ProviderDetails" in parameters:
            require_valid_details(str(provider.extended_config.get("ProviderType")), _details(parameters))
        self._require_free(parameters, name)

    def _require_free(self, parameters: Parameters, name: str) -> None:
        """Raise ServiceError if another provider has one of the identifiers."""
        for identifier in parameters.get("IdpIdentifiers") or ():
            owner = self._owner(parameters, str(identifier))
            if owner is not None and owner.name != name:
                raise ServiceError(
                    "DuplicateProviderException", f"{owner.name} already has the identifier {identifier}."
                )

    def get_identity_provider_by_identifier(self, parameters: Parameters) -> Answer:
        """Run GetIdentityProviderByIdentifier."""
        owner = self._owner(parameters, require_parameter(parameters, "IdpIdentifier"))
        if owner is None:
            raise ServiceError("ResourceNotFoundException", "No identity provider has that identifier.")
        dates = {"CreationDate": owner.creation_date, "LastModifiedDate": owner.last_modified_date}
        moments = {name: moment.timestamp() for name, moment in dates.items()}
        return {"IdentityProvider": {**owner.to_json(extended=True), **moments}}

    def _owner(self, parameters: Parameters, identifier: str) -> Any:
        pool = self._service.pools.get(str(parameters.get("UserPoolId")))
        providers = pool.identity_providers.values()
        return next(
            (
                provider
                for provider in providers
                if identifier in (provider.extended_config.get("IdpIdentifiers") or ())
            ),
            None,
        )


def _details(parameters: Parameters) -> Mapping[str, Any]:
    details = parameters.get("ProviderDetails")
    if not isinstance(details, Mapping):
        raise ServiceError("InvalidParameterException", "Missing required parameter ProviderDetails")
    return details
