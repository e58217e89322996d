"""The operations on identity providers that moto has none of, and what is asked of those that it has.

Source: AWS API reference, "CreateIdentityProvider", "UpdateIdentityProvider", "GetIdentityProviderByIdentifier".
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..accounts.identity_providers import SOCIAL_TYPES, require_sound_details
from ..aws_json import Answer, Parameters
from ..refusals import Refused, required
from ..user_pool_service import Authority


class IdentityProviderOperations:
    """Identity providers of one local Cognito. Every caller holds the lock. Raises Refused."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self.by_name: dict[str, Callable[[Parameters], Answer]] = {
            "GetIdentityProviderByIdentifier": self._by_identifier
        }
        # Run before moto's operation of the name, which takes whatever it is given.
        self.checks: dict[str, Callable[[Parameters], None]] = {
            "CreateIdentityProvider": self._require_new,
            "UpdateIdentityProvider": self._require_sound_change,
        }

    def _require_new(self, parameters: Parameters) -> None:
        pool = self._authority.pools.get(str(parameters.get("UserPoolId")))
        name, kind = required(parameters, "ProviderName"), required(parameters, "ProviderType")
        if name in pool.identity_providers:
            raise Refused("DuplicateProviderException", f"A provider already exists with the name {name}.")
        if (kind in SOCIAL_TYPES or name in SOCIAL_TYPES) and name != kind:
            raise Refused("InvalidParameterException", f"A provider of the type {kind} cannot be called {name}")
        require_sound_details(kind, _details(parameters))
        self._require_free(parameters, name)

    def _require_sound_change(self, parameters: Parameters) -> None:
        pool = self._authority.pools.get(str(parameters.get("UserPoolId")))
        name = required(parameters, "ProviderName")
        known = pool.identity_providers.get(name)
        if known is None:
            raise Refused("ResourceNotFoundException", f"Identity provider {name} does not exist.")
        if "ProviderDetails" in parameters:
            require_sound_details(str(known.extended_config.get("ProviderType")), _details(parameters))
        self._require_free(parameters, name)

    def _require_free(self, parameters: Parameters, name: str) -> None:
        """Nothing, if no other provider goes by one of the identifiers."""
        for identifier in parameters.get("IdpIdentifiers") or ():
            owner = self._owner(parameters, str(identifier))
            if owner is not None and owner.name != name:
                raise Refused("DuplicateProviderException", f"{owner.name} has the identifier {identifier} already.")

    def _by_identifier(self, parameters: Parameters) -> Answer:
        owner = self._owner(parameters, required(parameters, "IdpIdentifier"))
        if owner is None:
            raise Refused("ResourceNotFoundException", "No identity provider has that identifier.")
        dates = {"CreationDate": owner.creation_date, "LastModifiedDate": owner.last_modified_date}
        moments = {name: moment.timestamp() for name, moment in dates.items()}
        return {"IdentityProvider": {**owner.to_json(extended=True), **moments}}

    def _owner(self, parameters: Parameters, identifier: str) -> Any:
        pool = self._authority.pools.get(str(parameters.get("UserPoolId")))
        providers = pool.identity_providers.values()
        return next(
            (each for each in providers if identifier in (each.extended_config.get("IdpIdentifiers") or ())), None
        )


def _details(parameters: Parameters) -> Mapping[str, Any]:
    details = parameters.get("ProviderDetails")
    if not isinstance(details, Mapping):
        raise Refused("InvalidParameterException", "Missing required parameter ProviderDetails")
    return details
