"""The operations that send or check a code: sign-up, forgotten password, verified attributes.

The rules of codes are in `self_service`. The caller holds the lock.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..accounts.clients import AppClient
from ..accounts.tokens import ADMIN_SCOPE
from ..accounts.users import User
from ..aws_json import Answer, Parameters
from ..errors import ServiceError, require_parameter
from ..user_pool_service import UserPoolService


class CodeOperations:
    """The operations with codes of one local Cognito.

    `find_client` raises ServiceError if the client does not exist.
    """

    def __init__(self, service: UserPoolService, find_client: Callable[[Parameters], AppClient]) -> None:
        self._service = service
        self._find_client = find_client
        self.by_name: dict[str, Callable[[Parameters], Answer]] = {
            "SignUp": self.sign_up,
            "ConfirmSignUp": self.confirm_sign_up,
            "ResendConfirmationCode": self.resend_confirmation_code,
            "ForgotPassword": self.forgot_password,
            "ConfirmForgotPassword": self.confirm_forgot_password,
            "AdminResetUserPassword": self.admin_reset_user_password,
            "UpdateUserAttributes": self.update_user_attributes,
            "GetUserAttributeVerificationCode": self.get_user_attribute_verification_code,
            "VerifyUserAttribute": self.verify_user_attribute,
        }

    def sign_up(self, parameters: Parameters) -> Answer:
        """Run SignUp."""
        client, username = self._caller(parameters)
        attributes = _attributes(parameters)
        password = require_parameter(parameters, "Password")
        user, destination = self._service.sign_ups.register(client, username, password, attributes)
        delivery = {"CodeDeliveryDetails": destination.details()} if destination else {}
        return {"UserConfirmed": False, "UserSub": user.sub, **delivery}

    def confirm_sign_up(self, parameters: Parameters) -> Answer:
        """Run ConfirmSignUp."""
        client, username = self._caller(parameters)
        takes_alias = parameters.get("ForceAliasCreation") is True
        code = require_parameter(parameters, "ConfirmationCode")
        self._service.sign_ups.confirm(client, username, code, takes_alias=takes_alias)
        return {}

    def resend_confirmation_code(self, parameters: Parameters) -> Answer:
        """Run ResendConfirmationCode."""
        client, username = self._caller(parameters)
        return {"CodeDeliveryDetails": self._service.sign_ups.resend(client, username).details()}

    def forgot_password(self, parameters: Parameters) -> Answer:
        """Run ForgotPassword."""
        client, username = self._caller(parameters)
        return {"CodeDeliveryDetails": self._service.recovery.request(client, username).details()}

    def confirm_forgot_password(self, parameters: Parameters) -> Answer:
        """Run ConfirmForgotPassword."""
        client, username = self._caller(parameters)
        code, password = require_parameter(parameters, "ConfirmationCode"), require_parameter(parameters, "Password")
        self._service.recovery.reset(client, username, code, password)
        return {}

    def admin_reset_user_password(self, parameters: Parameters) -> Answer:
        """Run AdminResetUserPassword."""
        moto_user = self._service.pools.find_moto_user(
            str(parameters.get("UserPoolId")), str(parameters.get("Username"))
        )
        if moto_user is None:
            raise ServiceError("UserNotFoundException", "User does not exist.")
        self._service.recovery.require_new_password(self._service.pools.to_user(moto_user))
        return {}

    def update_user_attributes(self, parameters: Parameters) -> Answer:
        """Run UpdateUserAttributes."""
        sent = self._service.verifications.update(self._holder(parameters), _attributes(parameters))
        return {"CodeDeliveryDetailsList": [destination.details() for destination in sent]}

    def get_user_attribute_verification_code(self, parameters: Parameters) -> Answer:
        """Run GetUserAttributeVerificationCode."""
        sent = self._service.verifications.send(
            self._holder(parameters), require_parameter(parameters, "AttributeName")
        )
        return {"CodeDeliveryDetails": sent.details()}

    def verify_user_attribute(self, parameters: Parameters) -> Answer:
        """Run VerifyUserAttribute."""
        attribute, code = require_parameter(parameters, "AttributeName"), require_parameter(parameters, "Code")
        self._service.verifications.verify(self._holder(parameters), attribute, code)
        return {}

    def _caller(self, parameters: Parameters) -> tuple[AppClient, str]:
        """Return the client, after its secret hash was checked, and the username. Raises ServiceError."""
        client, username = self._find_client(parameters), require_parameter(parameters, "Username")
        client.require_secret_hash(username, parameters.get("SecretHash"))
        return client, username

    def _holder(self, parameters: Parameters) -> User:
        return self._service.resolve_access_token(str(parameters.get("AccessToken", "")), scope=ADMIN_SCOPE)[0]


def _attributes(parameters: Parameters) -> dict[str, str]:
    """Return UserAttributes as a mapping. Raises ServiceError."""
    items: Any = parameters.get("UserAttributes") or []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and item.get("Name") for item in items):
        raise ServiceError("InvalidParameterException", "UserAttributes must be a list of names and values")
    return {str(item["Name"]): str(item.get("Value") or "") for item in items}
