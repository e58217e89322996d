"""People who make their own account: sign-up, the code that confirms it, another code. Knows no HTTP.

Every public method takes the lock and may be called from any thread.
Source: AWS API reference, "SignUp", "ConfirmSignUp", "ResendConfirmationCode".
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool, UserStatus

from ..accounts import password_policy
from ..accounts.clients import AppClient
from ..accounts.people import Person
from ..accounts.pools import Pools
from ..refusals import Refused
from .codes import SIGN_UP, Codes, Holder
from .destinations import Destination, is_email, is_telephone, sign_up_destination, simulated_destination

# Cognito's own to say, whatever attributes a client may write.
_NOT_OWN = frozenset({"sub", "email_verified", "phone_number_verified", "identities", "cognito:user_status"})
_USERNAME_MOST_CHARACTERS = 128


@dataclass(frozen=True)
class SignUpForm:
    """What a pool asks of people who sign up: by which names they sign in, which attributes, which password."""

    is_open: bool
    username_attributes: tuple[str, ...]
    attributes: tuple[str, ...]
    password_in_words: str


class SignUps:
    """The sign-ups of all pools. Raises Refused with AWS's names and sentences."""

    def __init__(self, pools: Pools, codes: Codes, lock: threading.RLock, key: bytes) -> None:
        self._pools = pools
        self._codes = codes
        self._lock = lock
        self._key = key

    def form(self, pool_id: str) -> SignUpForm:
        """What the pool asks for."""
        with self._lock:
            pool = self._pools.get(pool_id)
            names = tuple(pool.extended_config.get("UsernameAttributes") or ())
            verified = [name for name in pool.extended_config.get("AutoVerifiedAttributes") or () if name not in names]
            # The name that they sign in by is asked for anyway; of two such it may be the other one.
            required = [name for name in _required(pool) if names != (name,)]
            return SignUpForm(
                is_open=_is_open(pool),
                username_attributes=names,
                attributes=tuple(dict.fromkeys([*verified, *required])),
                password_in_words=password_policy.in_words(pool.extended_config),
            )

    def register(
        self, client: AppClient, username: str, password: str, attributes: Mapping[str, str]
    ) -> tuple[Person, Destination | None]:
        """Somebody new, who is not confirmed, and where their code went, if anywhere. Raises Refused."""
        with self._lock:
            pool = self._pools.get(client.pool_id)
            if not _is_open(pool):
                raise Refused("NotAuthorizedException", "SignUp is not permitted for this user pool")
            given = {name: value for name, value in attributes.items() if value}
            own = {**given, **_named_by(pool, username)}
            _require_sound(pool, own)
            self._require_free(pool, username)
            password_policy.require_conforming(pool.extended_config, password)
            user = self._add(pool, username, password, own)
            destination = sign_up_destination(pool.extended_config, own)
            if destination:
                self._codes.send(SIGN_UP, _holder(user), destination)
            return self._pools.person(user), destination

    def confirm(self, client: AppClient, username: str, code: str, *, takes_alias: bool = False) -> Person:
        """The person whose code it is, who may sign in from now on; the address that it went to is theirs.

        `takes_alias`: where somebody else signs in by that address, they do no longer. Raises Refused.
        """
        with self._lock:
            user = self._pools.user(client.pool_id, username)
            holder = _holder_of(client, username, user)
            if not client.hides_unknown_people:
                _require_unconfirmed(user)
            try:
                address = self._codes.check(SIGN_UP, holder, code)
            except Refused:
                if self._codes.has_spent(SIGN_UP, holder, code):
                    _require_unconfirmed(user)
                raise
            if user is None or not user.enabled:
                raise Refused("CodeMismatchException", "Invalid verification code provided, please try again.")
            self._take_alias(user, address, is_forced=takes_alias)
            user.status = UserStatus.CONFIRMED
            self._codes.spend(SIGN_UP, holder)
            return self._pools.person(user)

    def resend(self, client: AppClient, username: str) -> Destination:
        """Where another code went, or where it would have gone. Raises Refused."""
        with self._lock:
            pool = self._pools.get(client.pool_id)
            user = self._pools.user(client.pool_id, username)
            if not client.hides_unknown_people:
                _require_unconfirmed(user, "InvalidParameterException", "User is already confirmed.")
            if not pool.extended_config.get("AutoVerifiedAttributes"):
                raise Refused("InvalidParameterException", "Auto verification not turned on.")
            if user is None or user.status is not UserStatus.UNCONFIRMED:
                self._codes.pretend(SIGN_UP, _holder_of(client, username, user))
                return simulated_destination(pool.extended_config, username, self._key)
            destination = sign_up_destination(pool.extended_config, user.attribute_lookup)
            if destination is None:
                raise Refused("InvalidParameterException", "User has no email or phone_number to send a code to.")
            self._codes.send(SIGN_UP, _holder(user), destination)
            return destination

    def _add(
        self, pool: CognitoIdpUserPool, username: str, password: str, attributes: Mapping[str, str]
    ) -> CognitoIdpUser:
        verified = {f"{name}_verified": "false" for name in ("email", "phone_number") if attributes.get(name)}
        items = [{"Name": name, "Value": value} for name, value in {**attributes, **verified}.items()]
        # Where people sign in with an address, Cognito makes the username itself, and it is the sub.
        name = None if pool.extended_config.get("UsernameAttributes") else username
        user = CognitoIdpUser(pool.id, name, password, UserStatus.UNCONFIRMED, items)
        pool.users[user.username] = user
        return user

    def _require_free(self, pool: CognitoIdpUserPool, username: str) -> None:
        """Nothing, if the name can be had. That it is taken is told whatever the client hides: it must be chosen."""
        if self._pools.user(pool.id, username) is None:
            return
        named_by = _named_by(pool, username)
        sentence = f"An account with the given {next(iter(named_by))} already exists." if named_by else None
        raise Refused("UsernameExistsException", sentence or "User already exists")

    def _take_alias(self, user: CognitoIdpUser, address: str, *, is_forced: bool) -> None:
        """Mark the address as the person's, which is a name that they sign in by where the pool says so."""
        name = next((name for name in ("email", "phone_number") if user.attribute_lookup.get(name) == address), None)
        if name is None:  # it has been changed since
            return
        owner = self._pools.user_by_alias(user.user_pool_id, name, address)
        if owner is not None and owner is not user:
            if not is_forced:
                raise Refused("AliasExistsException", f"An account with the given {name} already exists.")
            owner.update_attributes([{"Name": f"{name}_verified", "Value": "false"}])
        user.update_attributes([{"Name": f"{name}_verified", "Value": "true"}])


def _holder(user: CognitoIdpUser) -> Holder:
    return Holder(user.user_pool_id, user.id, user.username)


def _holder_of(client: AppClient, username: str, user: CognitoIdpUser | None) -> Holder:
    return _holder(user) if user else Holder(client.pool_id, f"?{username}")


def _is_open(pool: CognitoIdpUserPool) -> bool:
    return not (pool.extended_config.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly", False)


def _required(pool: CognitoIdpUserPool) -> list[str]:
    return [name for name, attribute in pool.schema_attributes.items() if attribute.required and name != "sub"]


def _named_by(pool: CognitoIdpUserPool, username: str) -> dict[str, str]:
    """The attribute that the username is, where people sign in by one. Raises Refused for no name of the pool's."""
    if not username or len(username) > _USERNAME_MOST_CHARACTERS or not _is_plain(username):
        raise Refused("InvalidParameterException", "Username must be 1 to 128 characters without spaces.")
    form = "email" if is_email(username) else "phone_number" if is_telephone(username) else ""
    wanted: Any = pool.extended_config.get("UsernameAttributes") or ()
    if not wanted:
        if form and form in (pool.extended_config.get("AliasAttributes") or ()):
            words = "email" if form == "email" else "phone number"
            raise Refused(
                "InvalidParameterException",
                f"Username cannot be of {words} format, since user pool is configured for {words} alias.",
            )
        return {}
    if form not in wanted:
        listed = " or ".join({"email": "an email", "phone_number": "a phone number"}[name] for name in wanted)
        raise Refused("InvalidParameterException", f"Username should be {listed}.")
    return {form: username}


def _is_plain(username: str) -> bool:
    return username.isprintable() and not any(each.isspace() for each in username)


def _require_sound(pool: CognitoIdpUserPool, attributes: Mapping[str, str]) -> None:
    if attributes.keys() & _NOT_OWN:
        raise Refused("NotAuthorizedException", "A client attempted to write unauthorized attribute")
    missing = [name for name in _required(pool) if not attributes.get(name)]
    problems = [f"{name}: The attribute is required\n" for name in missing]
    if attributes.get("email") and not is_email(attributes["email"]):
        raise Refused("InvalidParameterException", "Invalid email address format.")
    if attributes.get("phone_number") and not is_telephone(attributes["phone_number"]):
        raise Refused("InvalidParameterException", "Invalid phone number format.")
    if problems:
        raise Refused("InvalidParameterException", f"Attributes did not conform to the schema: {''.join(problems)}")


def _require_unconfirmed(user: CognitoIdpUser | None, code: str = "", sentence: str = "") -> None:
    """Nothing, if it is somebody who still has to confirm. Raises Refused."""
    if user is None:
        raise Refused("UserNotFoundException", "Username/client id combination not found.")
    if user.status is not UserStatus.UNCONFIRMED:
        told = f"User cannot be confirmed. Current status is {getattr(user.status, 'value', user.status)}"
        raise Refused(code or "NotAuthorizedException", sentence or told)
