"""Attributes that users change and verify with a code. Does not depend on HTTP. The caller holds the lock.

Source: AWS API reference, "UpdateUserAttributes", "GetUserAttributeVerificationCode", "VerifyUserAttribute".
"""

from collections.abc import Mapping

from moto.cognitoidp.models import CognitoIdpUser

from ..accounts import attribute_rules
from ..accounts.pools import Pools
from ..accounts.users import User
from ..errors import ServiceError
from .codes import Codes, Holder, verification_of
from .destinations import Destination

_NOT_OWN = frozenset({"sub", "email_verified", "phone_number_verified", "identities"})


class Verifications:
    """The attribute changes and verifications of all users. Raises ServiceError with the names and messages of AWS."""

    def __init__(self, pools: Pools, codes: Codes) -> None:
        self._pools = pools
        self._codes = codes

    def update(self, user: User, attributes: Mapping[str, str]) -> list[Destination]:
        """Change attributes as the user may, and return the destinations of the codes."""
        if attributes.keys() & _NOT_OWN:
            raise ServiceError("NotAuthorizedException", "A client attempted to write unauthorized attribute")
        changed = self.change(user, attributes)
        verified = self._pools.get(user.pool_id).extended_config.get("AutoVerifiedAttributes") or ()
        return [self.send(user, name) for name in changed if name in verified and attributes[name]]

    def change(self, user: User, attributes: Mapping[str, str]) -> list[str]:
        """Change attributes as an administrator may, and return the names of the changed addresses.

        A changed address becomes unverified, unless `attributes` contain its flag. An empty value deletes an attribute.
        """
        pool, moto_user = self._pools.get(user.pool_id), self._pools.get_moto_user(user)
        former = moto_user.attribute_lookup
        addresses = [name for name in attribute_rules.ADDRESSES if name in attributes]
        changed = [name for name in addresses if attributes[name] != former.get(name, "")]
        flags = {f"{name}_verified": "false" if attributes[name] else "" for name in changed}
        changes = {**flags, **attributes}
        attribute_rules.require_valid_changes(pool, moto_user, changes)
        self._pools.table(pool.id).update_attributes(moto_user, changes)
        return changed

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
        table = self._pools.table(moto_user.user_pool_id)
        owner = table.find_by_alias(attribute, address)
        if owner is not None and owner is not moto_user:
            raise ServiceError("AliasExistsException", f"An account with the given {attribute} already exists.")
        table.update_attributes(moto_user, {f"{attribute}_verified": "true"})
        self._codes.spend(verification_of(attribute), _holder(moto_user))


def _holder(moto_user: CognitoIdpUser) -> Holder:
    return Holder(moto_user.user_pool_id, moto_user.id, moto_user.username)


def _require_verifiable(attribute: str) -> None:
    if attribute not in attribute_rules.ADDRESSES:
        raise ServiceError("InvalidParameterException", f"The attribute {attribute} cannot be verified.")
