"""Password reset by code. Does not depend on HTTP.

Every public method acquires the lock and may be called from any thread.

Source: AWS API reference, "ForgotPassword", "ConfirmForgotPassword"; AWS developer guide, "Managing error responses".
"""

import threading

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool, UserStatus

from ..accounts.clients import AppClient
from ..accounts.pools import Pools
from ..accounts.users import User
from ..errors import ServiceError
from .codes import PASSWORD_RESET, Codes, Holder, wrong_code
from .destinations import Destination, recovery_destination, simulated_destination

_RESETTABLE = (UserStatus.CONFIRMED, UserStatus.RESET_REQUIRED)


class Recovery:
    """The password resets of all pools. Raises ServiceError with the names and messages of AWS."""

    def __init__(self, pools: Pools, codes: Codes, lock: threading.RLock, key: bytes) -> None:
        self._pools = pools
        self._codes = codes
        self._lock = lock
        self._key = key

    def request(self, client: AppClient, username: str) -> Destination:
        """Send a code for a new password and return its destination. Raises ServiceError.

        If the client prevents user existence errors, an unknown user gets a simulated destination.
        """
        with self._lock:
            pool = self._pools.get(client.pool_id)
            moto_user = self._pools.find_moto_user(client.pool_id, username, accepts_sub=True)
            try:
                destination = _destination(pool, moto_user)
            except ServiceError:
                if not client.hides_unknown_users:
                    raise
                self._codes.pretend(PASSWORD_RESET, _holder(client, username, moto_user))
                return simulated_destination(pool.extended_config, username, self._key)
            self._codes.send(PASSWORD_RESET, _holder(client, username, moto_user), destination)
            return destination

    def reset(self, client: AppClient, username: str, code: str, password: str) -> User:
        """Set a new password with a code.

        Raises ServiceError; the code stays valid if the password does not conform.
        """
        with self._lock:
            moto_user = self._pools.find_moto_user(client.pool_id, username, accepts_sub=True)
            if moto_user is None and not client.hides_unknown_users:
                raise ServiceError("UserNotFoundException", "Username/client id combination not found.")
            holder = _holder(client, username, moto_user)
            self._codes.check(PASSWORD_RESET, holder, code)
            if moto_user is None or not moto_user.enabled:
                raise wrong_code()
            self._pools.set_password(self._pools.to_user(moto_user), password)
            self._codes.spend(PASSWORD_RESET, holder)
            return self._pools.to_user(moto_user)

    def require_new_password(self, user: User) -> None:
        """Require a new password before the next sign-in and send a code: AdminResetUserPassword.

        Raises ServiceError.
        """
        with self._lock:
            pool, moto_user = self._pools.get(user.pool_id), self._pools.get_moto_user(user)
            destination = _destination(pool, moto_user)
            moto_user.status = UserStatus.RESET_REQUIRED
            self._pools.table(pool.id).mark_modified(moto_user)
            self._codes.send(PASSWORD_RESET, Holder(pool.id, moto_user.id, moto_user.username), destination)


def _holder(client: AppClient, username: str, moto_user: CognitoIdpUser | None) -> Holder:
    return (
        Holder(client.pool_id, moto_user.id, moto_user.username)
        if moto_user
        else Holder(client.pool_id, f"?{username}")
    )


def _destination(pool: CognitoIdpUserPool, moto_user: CognitoIdpUser | None) -> Destination:
    """Return the destination of the user's reset code. Raises ServiceError."""
    if moto_user is None:
        raise ServiceError("UserNotFoundException", "Username/client id combination not found.")
    if not moto_user.enabled:
        raise ServiceError("NotAuthorizedException", "User is disabled.")
    if moto_user.status is UserStatus.UNCONFIRMED:
        # Raises: an unconfirmed user has no verified attribute yet. AWS returns the same error.
        return recovery_destination(pool.extended_config, {})
    if moto_user.status not in _RESETTABLE:
        raise ServiceError("NotAuthorizedException", "User password cannot be reset in the current state.")
    return recovery_destination(pool.extended_config, moto_user.attribute_lookup)
