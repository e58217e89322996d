"""Attributes that people change and prove to be theirs by a code. Knows no HTTP; every caller holds the lock.

Source: AWS API reference, "UpdateUserAttributes", "GetUserAttributeVerificationCode", "VerifyUserAttribute".
"""

from collections.abc import Mapping

from moto.cognitoidp.models import CognitoIdpUser

from ..accounts.people import Person
from ..accounts.pools import Pools
from ..refusals import Refused
from .codes import Codes, Holder, verification_of
from .destinations import Destination

_VERIFIABLE = ("email", "phone_number")
_NOT_OWN = frozenset({"sub", "email_verified", "phone_number_verified", "identities"})


class Verifications:
    """Changed and verified attributes of everybody. Raises Refused with AWS's names and sentences."""

    def __init__(self, pools: Pools, codes: Codes) -> None:
        self._pools = pools
        self._codes = codes

    def update(self, person: Person, attributes: Mapping[str, str]) -> list[Destination]:
        """Change attributes; an address that is new is not verified. Where the codes went that verify them."""
        if attributes.keys() & _NOT_OWN:
            raise Refused("NotAuthorizedException", "A client attempted to write unauthorized attribute")
        user = self._pools.get_user(person)
        changed = [name for name in _VERIFIABLE if attributes.get(name, "") != user.attribute_lookup.get(name, "")]
        changed = [name for name in changed if name in attributes]
        self._require_free(user, attributes)
        unverified = {f"{name}_verified": "false" for name in changed}
        user.update_attributes([{"Name": name, "Value": value} for name, value in {**attributes, **unverified}.items()])
        by_itself = self._pools.get(person.pool_id).extended_config.get("AutoVerifiedAttributes") or ()
        return [self.send(person, name) for name in changed if name in by_itself and attributes[name]]

    def send(self, person: Person, attribute: str) -> Destination:
        """Where the code went that verifies the attribute. Raises Refused."""
        _require_verifiable(attribute)
        user = self._pools.get_user(person)
        address = user.attribute_lookup.get(attribute)
        if not address:
            raise Refused("InvalidParameterException", f"User does not have the attribute {attribute}.")
        destination = Destination(attribute, address)
        self._codes.send(verification_of(attribute), _holder(user), destination)
        return destination

    def verify(self, person: Person, attribute: str, code: str) -> None:
        """The attribute is verified, if the code went to what it is now. Raises Refused."""
        _require_verifiable(attribute)
        user = self._pools.get_user(person)
        address = self._codes.check(verification_of(attribute), _holder(user), code)
        if address != user.attribute_lookup.get(attribute):  # the code is of an address before
            raise Refused("ExpiredCodeException", "Invalid code provided, please request a code again.")
        owner = self._pools.user_by_alias(user.user_pool_id, attribute, address)
        if owner is not None and owner is not user:
            raise Refused("AliasExistsException", f"An account with the given {attribute} already exists.")
        user.update_attributes([{"Name": f"{attribute}_verified", "Value": "true"}])
        self._codes.spend(verification_of(attribute), _holder(user))

    def _require_free(self, user: CognitoIdpUser, attributes: Mapping[str, str]) -> None:
        """Where people sign in with an address, no two have the same."""
        names = self._pools.get(user.user_pool_id).extended_config.get("UsernameAttributes") or ()
        for name in names:
            owner = self._pools.user(user.user_pool_id, attributes[name]) if attributes.get(name) else None
            if owner is not None and owner is not user:
                raise Refused("AliasExistsException", f"An account with the given {name} already exists.")


def _holder(user: CognitoIdpUser) -> Holder:
    return Holder(user.user_pool_id, user.id, user.username)


def _require_verifiable(attribute: str) -> None:
    if attribute not in _VERIFIABLE:
        raise Refused("InvalidParameterException", f"The attribute {attribute} cannot be verified.")
