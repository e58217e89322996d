"""Attributes that users change and verify with a code. Does not depend on HTTP. The caller holds the lock.

Source: AWS API reference, "UpdateUserAttributes", "GetUserAttributeVerificationCode", "VerifyUserAttribute".
"""

from collections.abc import Mapping

from moto.cognitoidp.models import CognitoIdpUser

from ..accounts.pools import Pools
from ..accounts.users import User
from ..errors import ServiceError
from .codes import Codes, Holder, verification_of
from .destinations import Destination

_VERIFIABLE = ("email", "phone_number")
_NOT_OWN = frozenset({"sub", "email_verified", "phone_number_verified", "identities"})


class Verifications:
    """The attribute changes and verifications of all users. Raises ServiceError with the names and messages of AWS."""

    def __init__(self, pools: Pools, codes: Codes) -> None:
        self._pools = pools
        self._codes = codes

    def update(self, user: User, attributes: Mapping[str, str]) -> list[Destination]:
        """Change attributes and return the destinations of the codes. A changed address becomes unverified."""
        if attributes.keys() & _NOT_OWN:
            raise ServiceError("NotAuthorizedException", "A client attempted to write unauthorized attribute")
        moto_user = self._pools.get_moto_user(user)
        changed = [name for name in _VERIFIABLE if attributes.get(name, "") != moto_user.attribute_lookup.get(name, "")]
        changed = [name for name in changed if name in attributes]
        config = self._pools.get(user.pool_id).extended_config
        for name in config.get("UsernameAttributes") or ():
            owner = self._pools.find_moto_user(user.pool_id, attributes[name]) if attributes.get(name) else None
            if owner is not None and owner is not moto_user:
                raise ServiceError("AliasExistsException", f"An account with the given {name} already exists.")
        unverified = {f"{name}_verified": "false" for name in changed}
        moto_user.update_attributes(
            [{"Name": name, "Value": value} for name, value in {**attributes, **unverified}.items()]
        )
        auto_verified = config.get("AutoVerifiedAttributes") or ()
        return [self.send(user, name) for name in changed if name in auto_verified and attributes[name]]

    def send(self, user: User, attribute: str) -> Destination:
        """Send a code that verifies the attribute and return its destination. Raises ServiceError."""
        _require_verifiable(attribute)
        moto_user = self._pools.get_moto_user(user)
        address = moto_user.attribute_lookup.get(attribute)
        if not address:
            raise ServiceError("InvalidParameterException", f"User does not have the attribute {attribute}.")
        destination = Destination(attribute, address)
        self._codes.send(verification_of(attribute), _holder(moto_user), destination)
        return destination

    def verify(self, user: User, attribute: str, code: str) -> None:
        """Mark the attribute as verified if the code was sent to its current value. Raises ServiceError."""
        _require_verifiable(attribute)
        moto_user = self._pools.get_moto_user(user)
        address = self._codes.check(verification_of(attribute), _holder(moto_user), code)
        if address != moto_user.attribute_lookup.get(attribute):  # the code was sent to a previous address
            raise ServiceError("ExpiredCodeException", "Invalid code provided, please request a code again.")
        owner = self._pools.find_moto_user_by_alias(moto_user.user_pool_id, attribute, address)
        if owner is not None and owner is not moto_user:
            raise ServiceError("AliasExistsException", f"An account with the given {attribute} already exists.")
        moto_user.update_attributes([{"Name": f"{attribute}_verified", "Value": "true"}])
        self._codes.spend(verification_of(attribute), _holder(moto_user))


def _holder(moto_user: CognitoIdpUser) -> Holder:
    return Holder(moto_user.user_pool_id, moto_user.id, moto_user.username)


def _require_verifiable(attribute: str) -> None:
    if attribute not in _VERIFIABLE:
        raise ServiceError("InvalidParameterException", f"The attribute {attribute} cannot be verified.")
