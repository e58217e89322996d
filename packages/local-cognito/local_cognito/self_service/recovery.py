"""A password that was forgotten: the code, and the new password. Knows no HTTP.

Every public method takes the lock and may be called from any thread.
Source: AWS API reference, "ForgotPassword", "ConfirmForgotPassword"; AWS developer guide, "Managing error responses".
"""

import threading

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool, UserStatus

from ..accounts.clients import AppClient
from ..accounts.people import Person
from ..accounts.pools import Pools
from ..refusals import Refused
from .codes import PASSWORD_RESET, Codes, Holder
from .destinations import Destination, recovery_destination, simulated_destination

_RESETTABLE = (UserStatus.CONFIRMED, UserStatus.RESET_REQUIRED)


class Recovery:
    """The new passwords of all pools. Raises Refused with AWS's names and sentences."""

    def __init__(self, pools: Pools, codes: Codes, lock: threading.RLock, key: bytes) -> None:
        self._pools = pools
        self._codes = codes
        self._lock = lock
        self._key = key

    def request(self, client: AppClient, username: str) -> Destination:
        """Where the code for a new password went, or, of who cannot be sent one, would have gone. Raises Refused."""
        with self._lock:
            pool = self._pools.get(client.pool_id)
            user = self._pools.user(client.pool_id, username)
            try:
                destination = _destination(pool, user)
            except Refused:
                if not client.hides_unknown_people:
                    raise
                self._codes.pretend(PASSWORD_RESET, _holder(client, username, user))
                return simulated_destination(pool.extended_config, username, self._key)
            self._codes.send(PASSWORD_RESET, _holder(client, username, user), destination)
            return destination

    def reset(self, client: AppClient, username: str, code: str, password: str) -> Person:
        """The person whose code it is, with a new password. Raises Refused; a password that will not do spends none."""
        with self._lock:
            user = self._pools.user(client.pool_id, username)
            if user is None and not client.hides_unknown_people:
                raise Refused("UserNotFoundException", "Username/client id combination not found.")
            holder = _holder(client, username, user)
            self._codes.check(PASSWORD_RESET, holder, code)
            if user is None or not user.enabled:
                raise Refused("CodeMismatchException", "Invalid verification code provided, please try again.")
            self._pools.set_password(self._pools.person(user), password)
            self._codes.spend(PASSWORD_RESET, holder)
            return self._pools.person(user)

    def require(self, person: Person) -> None:
        """Have the person choose a new password before they sign in again: AdminResetUserPassword. Raises Refused."""
        with self._lock:
            pool, user = self._pools.get(person.pool_id), self._pools.get_user(person)
            destination = _destination(pool, user)
            user.status = UserStatus.RESET_REQUIRED
            self._codes.send(PASSWORD_RESET, Holder(pool.id, user.id, user.username), destination)


def _holder(client: AppClient, username: str, user: CognitoIdpUser | None) -> Holder:
    return Holder(client.pool_id, user.id, user.username) if user else Holder(client.pool_id, f"?{username}")


def _destination(pool: CognitoIdpUserPool, user: CognitoIdpUser | None) -> Destination:
    """Where a code for the user can go. Raises Refused where none may."""
    if user is None:
        raise Refused("UserNotFoundException", "Username/client id combination not found.")
    if not user.enabled:
        raise Refused("NotAuthorizedException", "User is disabled.")
    if user.status is UserStatus.UNCONFIRMED:
        # AWS answers so, as nothing of theirs is verified yet.
        return recovery_destination(pool.extended_config, {})
    if user.status not in _RESETTABLE:
        raise Refused("NotAuthorizedException", "User password cannot be reset in the current state.")
    return recovery_destination(pool.extended_config, user.attribute_lookup)
