"""Sign-up: the new account, the code that confirms it, another code. Does not depend on HTTP.

Every public method acquires the lock and may be called from any thread.

Source: AWS API reference, "SignUp", "ConfirmSignUp", "ResendConfirmationCode".
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool, UserStatus

from ..accounts import attribute_rules, password_policy
from ..accounts.clients import AppClient
from ..accounts.pools import Pools
from ..accounts.users import User
from ..errors import ServiceError
from .codes import SIGN_UP, Codes, Holder, wrong_code
from .destinations import Destination, sign_up_destination, simulated_destination

# Only Cognito writes these, whichever attributes a client may write.
_NOT_OWN = frozenset({"sub", "email_verified", "phone_number_verified", "identities", "cognito:user_status"})


@dataclass(frozen=True)
class SignUpForm:
    """The values that a pool requires for a sign-up: username attributes, other attributes and the password policy."""

    is_open: bool
    username_attributes: tuple[str, ...]
    attributes: tuple[str, ...]
    password_in_words: str


class SignUps:
    """The sign-ups of all pools. Raises ServiceError with the names and messages of AWS."""

    def __init__(self, pools: Pools, codes: Codes, lock: threading.RLock, key: bytes) -> None:
        self._pools = pools
        self._codes = codes
        self._lock = lock
        self._key = key

    def form(self, pool_id: str) -> SignUpForm:
        """Return the sign-up form of the pool."""
        with self._lock:
            pool = self._pools.get(pool_id)
            names = tuple(pool.extended_config.get("UsernameAttributes") or ())
            verified = [name for name in pool.extended_config.get("AutoVerifiedAttributes") or () if name not in names]
            # The username field contains the only username attribute; of two, it may contain the other one.
            required = [name for name in attribute_rules.required_attributes(pool) if names != (name,)]
            return SignUpForm(
                is_open=_is_open(pool),
                username_attributes=names,
                attributes=tuple(dict.fromkeys([*verified, *required])),
                password_in_words=password_policy.describe_policy(pool.extended_config),
            )

    def register(
        self, client: AppClient, username: str, password: str, attributes: Mapping[str, str]
    ) -> tuple[User, Destination | None]:
        """Create an unconfirmed user and return it with the destination of its code, or None. Raises ServiceError."""
        with self._lock:
            pool = self._pools.get(client.pool_id)
            if not _is_open(pool):
                raise ServiceError("NotAuthorizedException", "SignUp is not permitted for this user pool")
            filled = {name: value for name, value in attributes.items() if value}
            named_by = attribute_rules.attribute_of_username(pool, username)
            own = {**filled, **named_by}
            _require_valid_attributes(pool, own)
            # This reveals users for any setting of the client, as in Cognito.
            if self._pools.find_moto_user(pool.id, username) is not None:
                sentence = f"An account with the given {next(iter(named_by))} already exists." if named_by else None
                raise ServiceError("UsernameExistsException", sentence or "User already exists", fields=["username"])
            password_policy.require_conforming(pool.extended_config, password)
            moto_user = self._add_user(pool, username, password, own)
            destination = sign_up_destination(pool.extended_config, own)
            if destination:
                self._codes.send(SIGN_UP, _holder(moto_user), destination)
            return self._pools.to_user(moto_user), destination

    def confirm(self, client: AppClient, username: str, code: str, *, takes_alias: bool = False) -> User:
        """Confirm the user and verify the address that the code was sent to. Raises ServiceError.

        With `takes_alias`, the address is removed as an alias from another user (ForceAliasCreation).
        """
        with self._lock:
            moto_user = self._pools.find_moto_user(client.pool_id, username, accepts_sub=True)
            holder = _holder_of(client, username, moto_user)
            if not client.hides_unknown_users:
                _require_unconfirmed(moto_user)
            try:
                address = self._codes.check(SIGN_UP, holder, code)
            except ServiceError:
                if self._codes.has_spent(SIGN_UP, holder, code):
                    _require_unconfirmed(moto_user)
                raise
            if moto_user is None or not moto_user.enabled:
                raise wrong_code()
            self._take_alias(moto_user, address, is_forced=takes_alias)
            moto_user.status = UserStatus.CONFIRMED
            self._pools.table(client.pool_id).mark_modified(moto_user)
            self._codes.spend(SIGN_UP, holder)
            return self._pools.to_user(moto_user)

    def resend(self, client: AppClient, username: str) -> Destination:
        """Send another code and return its destination, which may be simulated. Raises ServiceError."""
        with self._lock:
            pool = self._pools.get(client.pool_id)
            moto_user = self._pools.find_moto_user(client.pool_id, username, accepts_sub=True)
            if not client.hides_unknown_users:
                _require_unconfirmed(moto_user, "InvalidParameterException", "User is already confirmed.")
            if not pool.extended_config.get("AutoVerifiedAttributes"):
                raise ServiceError("InvalidParameterException", "Auto verification not turned on.")
            if moto_user is None or moto_user.status is not UserStatus.UNCONFIRMED:
                self._codes.pretend(SIGN_UP, _holder_of(client, username, moto_user))
                return simulated_destination(pool.extended_config, username, self._key)
            destination = sign_up_destination(pool.extended_config, moto_user.attribute_lookup)
            if destination is None:
                raise ServiceError("InvalidParameterException", "User has no email or phone_number to send a code to.")
            self._codes.send(SIGN_UP, _holder(moto_user), destination)
            return destination

    def _add_user(
        self, pool: CognitoIdpUserPool, username: str, password: str, attributes: Mapping[str, str]
    ) -> CognitoIdpUser:
        """Create an unconfirmed user whose email address and phone number are unverified."""
        verified = {f"{name}_verified": "false" for name in ("email", "phone_number") if attributes.get(name)}
        items = [{"Name": name, "Value": value} for name, value in {**attributes, **verified}.items()]
        # If users sign in with an email address or phone number, Cognito generates the username: it equals the sub.
        name = None if pool.extended_config.get("UsernameAttributes") else username
        moto_user = CognitoIdpUser(pool.id, name, password, UserStatus.UNCONFIRMED, items)
        pool.users[moto_user.username] = moto_user
        return moto_user

    def _take_alias(self, moto_user: CognitoIdpUser, address: str, *, is_forced: bool) -> None:
        """Mark the address as verified. In a pool with aliases, the user can then sign in with it."""
        name = next(
            (name for name in ("email", "phone_number") if moto_user.attribute_lookup.get(name) == address), None
        )
        if name is None:  # it was changed after the code was sent
            return
        table = self._pools.table(moto_user.user_pool_id)
        owner = table.find_by_alias(name, address)
        if owner is not None and owner is not moto_user:
            if not is_forced:
                raise ServiceError("AliasExistsException", f"An account with the given {name} already exists.")
            table.update_attributes(owner, {f"{name}_verified": "false"})
        table.update_attributes(moto_user, {f"{name}_verified": "true"})


def _holder(moto_user: CognitoIdpUser) -> Holder:
    return Holder(moto_user.user_pool_id, moto_user.id, moto_user.username)


def _holder_of(client: AppClient, username: str, moto_user: CognitoIdpUser | None) -> Holder:
    return _holder(moto_user) if moto_user else Holder(client.pool_id, f"?{username}")


def _is_open(pool: CognitoIdpUserPool) -> bool:
    return not (pool.extended_config.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly", False)


def _require_valid_attributes(pool: CognitoIdpUserPool, attributes: Mapping[str, str]) -> None:
    """Raise ServiceError unless a new user may set these attributes, in valid form, and none is missing."""
    if attributes.keys() & _NOT_OWN:
        raise ServiceError("NotAuthorizedException", "A client attempted to write unauthorized attribute")
    attribute_rules.require_valid(pool, attributes)
    missing = [name for name in attribute_rules.required_attributes(pool) if not attributes.get(name)]
    problems = [f"{name}: The attribute is required\n" for name in missing]
    if problems:
        message = f"Attributes did not conform to the schema: {''.join(problems)}"
        raise ServiceError("InvalidParameterException", message, fields=missing)


def _require_unconfirmed(moto_user: CognitoIdpUser | None, code: str = "", sentence: str = "") -> None:
    """Raise ServiceError unless the user exists and is unconfirmed."""
    if moto_user is None:
        raise ServiceError("UserNotFoundException", "Username/client id combination not found.")
    if moto_user.status is not UserStatus.UNCONFIRMED:
        message = f"User cannot be confirmed. Current status is {getattr(moto_user.status, 'value', moto_user.status)}"
        raise ServiceError(code or "NotAuthorizedException", sentence or message)
