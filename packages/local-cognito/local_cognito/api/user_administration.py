"""The operations that create, change, disable and delete users. The caller holds the lock.

Source: AWS API reference, "AdminCreateUser", "AdminUpdateUserAttributes", "AdminDisableUser", "DeleteUser".
"""

from collections.abc import Callable, Mapping
from typing import Any

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool, UserStatus

from ..accounts import attribute_rules, password_policy
from ..accounts.tokens import ADMIN_SCOPE
from ..accounts.user_table import UserTable
from ..accounts.users import User
from ..aws_json import Answer, Parameters
from ..errors import ServiceError, require_parameter
from ..self_service.mailbox import Message
from ..user_pool_service import UserPoolService
from .user_listing import describe_user

_ADDRESS_OF_MEDIUM = {"SMS": "phone_number", "EMAIL": "email"}


class UserAdministration:
    """The administration of the users of one local Cognito. Raises ServiceError with the names of AWS."""

    def __init__(self, service: UserPoolService) -> None:
        self._service = service
        self.by_name: dict[str, Callable[[Parameters], Answer]] = {
            "AdminCreateUser": self.admin_create_user,
            "AdminUpdateUserAttributes": self.admin_update_user_attributes,
            "AdminDeleteUserAttributes": self.admin_delete_user_attributes,
            "AdminDisableUser": self.admin_disable_user,
            "AdminEnableUser": self.admin_enable_user,
            "AdminDeleteUser": self.admin_delete_user,
            "DeleteUser": self.delete_user,
            "DeleteUserAttributes": self.delete_user_attributes,
        }

    def find(self, parameters: Parameters) -> User:
        """Return the user with `Username`, which may be a username, an alias or a `sub`. Raises ServiceError."""
        pool_id, name = str(parameters.get("UserPoolId")), str(parameters.get("Username"))
        moto_user = self._service.pools.find_moto_user(pool_id, name, accepts_sub=True)
        if moto_user is None:
            raise ServiceError("UserNotFoundException", "User does not exist.")
        return self._service.pools.to_user(moto_user)

    def admin_create_user(self, parameters: Parameters) -> Answer:
        """Run AdminCreateUser."""
        pool = self._service.pools.get(str(parameters.get("UserPoolId")))
        username, users = require_parameter(parameters, "Username"), self._service.pools.table(pool.id)
        password = str(parameters.get("TemporaryPassword") or "") or password_policy.generate_password(
            pool.extended_config
        )
        action = parameters.get("MessageAction")
        if action == "RESEND":
            moto_user = self._service.pools.get_moto_user(self.find(parameters))
            if moto_user.status is not UserStatus.FORCE_CHANGE_PASSWORD:
                message = f"Resend not possible. {username} status is not FORCE_CHANGE_PASSWORD"
                raise ServiceError("UnsupportedUserStateException", message)
            password_policy.require_conforming(pool.extended_config, password)
            moto_user.password = password
            users.mark_modified(moto_user)
        else:
            moto_user = self._create(pool, users, password, parameters)
        if action != "SUPPRESS":
            self._invite(moto_user, parameters)
        return {"User": describe_user(moto_user)}

    def _create(
        self, pool: CognitoIdpUserPool, users: UserTable, password: str, parameters: Parameters
    ) -> CognitoIdpUser:
        """Create a user with a temporary password. With ForceAliasCreation, others lose the verified addresses."""
        username = require_parameter(parameters, "Username")
        attributes = {name: value for name, value in read_attributes(parameters).items() if value}
        attributes.update(attribute_rules.attribute_of_username(pool, username))
        if users.find(username) is not None:
            raise ServiceError("UsernameExistsException", "User account already exists")
        if "sub" in attributes:
            raise ServiceError("InvalidParameterException", "user.sub: Attribute cannot be updated.\n")
        attribute_rules.require_valid(pool, attributes)
        password_policy.require_conforming(pool.extended_config, password)
        flags = {name: attributes.get(f"{name}_verified", "").lower() for name in attribute_rules.ADDRESSES}
        verified = [name for name, flag in flags.items() if flag == "true"]
        if missing := [name for name in verified if name not in attributes]:
            raise ServiceError("InvalidParameterException", f"{missing[0]}_verified needs a value of {missing[0]}")
        owners = {name: users.find_by_alias(name, attributes[name]) for name in verified}
        for name, owner in owners.items():
            if owner is not None and parameters.get("ForceAliasCreation") is True:
                users.update_attributes(owner, {f"{name}_verified": "false"})
        attribute_rules.require_free_addresses(pool, None, attributes)
        items = [{"Name": name, "Value": value} for name, value in attributes.items()]
        # If users sign in with an email address or phone number, Cognito generates the username: it equals the sub.
        own_name = None if pool.extended_config.get("UsernameAttributes") else username
        moto_user = CognitoIdpUser(pool.id, own_name, password, UserStatus.FORCE_CHANGE_PASSWORD, items)
        users[moto_user.username] = moto_user
        return moto_user

    def _invite(self, moto_user: CognitoIdpUser, parameters: Parameters) -> None:
        """Send the temporary password by each medium whose address the user has; by default SMS, else email."""
        addresses = {
            medium: moto_user.attribute_lookup[name]
            for medium, name in _ADDRESS_OF_MEDIUM.items()
            if moto_user.attribute_lookup.get(name)
        }
        for medium in parameters.get("DesiredDeliveryMediums") or list(addresses)[:1]:
            if medium in addresses:
                now, subject = self._service.now(), "the temporary password of a new user"
                invitation = (moto_user.user_pool_id, moto_user.username, medium, addresses[medium], subject)
                self._service.mailbox.deliver(Message(now, *invitation, moto_user.password or ""))

    def admin_update_user_attributes(self, parameters: Parameters) -> Answer:
        """Run AdminUpdateUserAttributes. A changed address is unverified, unless the request has its flag."""
        self._service.verifications.change(self.find(parameters), read_attributes(parameters))
        return {}

    def admin_delete_user_attributes(self, parameters: Parameters) -> Answer:
        """Run AdminDeleteUserAttributes."""
        self._service.verifications.change(self.find(parameters), _read_deletions(parameters))
        return {}

    def admin_disable_user(self, parameters: Parameters) -> Answer:
        """Run AdminDisableUser."""
        user = self.find(parameters)
        self._set_enabled(user, False)
        self._service.sign_out_everywhere(user)
        return {}

    def admin_enable_user(self, parameters: Parameters) -> Answer:
        """Run AdminEnableUser."""
        self._set_enabled(self.find(parameters), True)
        return {}

    def _set_enabled(self, user: User, is_enabled: bool) -> None:
        moto_user = self._service.pools.get_moto_user(user)
        moto_user.enabled = is_enabled
        self._service.pools.table(user.pool_id).mark_modified(moto_user)

    def admin_delete_user(self, parameters: Parameters) -> Answer:
        """Run AdminDeleteUser."""
        return self._delete(self.find(parameters))

    def delete_user(self, parameters: Parameters) -> Answer:
        """Run DeleteUser."""
        return self._delete(self._holder(parameters))

    def _delete(self, user: User) -> Answer:
        pools = self._service.pools
        pools.backend_of(pools.get(user.pool_id)).admin_delete_user(user.pool_id, user.username)
        self._service.sign_out_everywhere(user)
        return {}

    def delete_user_attributes(self, parameters: Parameters) -> Answer:
        """Run DeleteUserAttributes."""
        self._service.verifications.update(self._holder(parameters), _read_deletions(parameters))
        return {}

    def _holder(self, parameters: Parameters) -> User:
        return self._service.resolve_access_token(str(parameters.get("AccessToken", "")), scope=ADMIN_SCOPE)[0]


def read_attributes(parameters: Parameters) -> dict[str, str]:
    """Return UserAttributes as a mapping. Raises ServiceError."""
    items: Any = parameters.get("UserAttributes") or []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and item.get("Name") for item in items):
        raise ServiceError("InvalidParameterException", "UserAttributes must be a list of names and values")
    return {str(item["Name"]): str(item.get("Value") or "") for item in items}


def _read_deletions(parameters: Parameters) -> dict[str, str]:
    """Return UserAttributeNames as changes that delete the attributes. Raises ServiceError."""
    names: Any = parameters.get("UserAttributeNames")
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ServiceError("InvalidParameterException", "UserAttributeNames must be a list of names")
    return dict.fromkeys(names, "")
