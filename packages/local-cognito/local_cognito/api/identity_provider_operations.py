"""The identity provider operations that moto does not have, and checks before those of moto.

Source: AWS API reference, "CreateIdentityProvider", "UpdateIdentityProvider", "GetIdentityProviderByIdentifier".
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from ..accounts.identity_providers import SOCIAL_TYPES, identity_provider, require_valid_details
from ..aws_json import Answer, Parameters
from ..errors import ServiceError, require_parameter
from ..user_pool_service import UserPoolService

# The name of the pool itself, and of the subject, in ProviderUserIdentifierType.
OWN_NAME = "Cognito"
_SUBJECT = "Cognito_Subject"


class IdentityProviderOperations:
    """The identity providers of one local Cognito. The caller holds the lock. Raises ServiceError."""

    def __init__(self, service: UserPoolService) -> None:
        self._service = service
        self.by_name: dict[str, Callable[[Parameters], Answer]] = {
            "GetIdentityProviderByIdentifier": self.get_identity_provider_by_identifier,
            "AdminLinkProviderForUser": self.admin_link_provider_for_user,
            "AdminDisableProviderForUser": self.admin_disable_provider_for_user,
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
        moments = {name: moment.replace(tzinfo=UTC).timestamp() for name, moment in dates.items()}
        return {"IdentityProvider": {**owner.to_json(extended=True), **moments}}

    def admin_link_provider_for_user(self, parameters: Parameters) -> Answer:
        """Run AdminLinkProviderForUser. The source is identified by its subject."""
        pool = self._service.pools.get(str(parameters.get("UserPoolId")))
        users, destination = self._service.pools.table(pool.id), _mapping(parameters, "DestinationUser")
        name, value = str(destination.get("ProviderName")), str(destination.get("ProviderAttributeValue"))
        user = users.find_by_username(value) if name == OWN_NAME else users.find_by_identity(name, value)
        if user is None:
            raise ServiceError("UserNotFoundException", "User does not exist.")
        source_name, subject = _read_identity(_mapping(parameters, "SourceUser"))
        source = pool.identity_providers.get(source_name)
        if source is None:
            raise ServiceError("ResourceNotFoundException", f"Identity provider {source_name} does not exist.")
        provider = identity_provider(source.name, source.extended_config)
        self._service.federated.link(self._service.pools.to_user(user), provider, subject)
        return {}

    def admin_disable_provider_for_user(self, parameters: Parameters) -> Answer:
        """Run AdminDisableProviderForUser for a linked identity. The user of the pool itself cannot be disabled so."""
        pool = self._service.pools.get(str(parameters.get("UserPoolId")))
        self._service.federated.unlink(pool.id, *_read_identity(_mapping(parameters, "User")))
        return {}

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
    return _mapping(parameters, "ProviderDetails")


def _mapping(parameters: Parameters, name: str) -> Mapping[str, Any]:
    value = parameters.get(name)
    if not isinstance(value, Mapping):
        raise ServiceError("InvalidParameterException", f"Missing required parameter {name}")
    return value


def _read_identity(user: Mapping[str, Any]) -> tuple[str, str]:
    """Return the provider and the subject of ProviderUserIdentifierType. Raises ServiceError."""
    provider, subject = require_parameter(user, "ProviderName"), require_parameter(user, "ProviderAttributeValue")
    if provider == OWN_NAME or user.get("ProviderAttributeName") != _SUBJECT:
        message = f"The local Cognito needs an identity provider and the ProviderAttributeName {_SUBJECT}"
        raise ServiceError("InvalidParameterException", message)
    return provider, subject
