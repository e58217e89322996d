"""The operations that send or check a code: sign-up, forgotten password, verified attributes.

The rules of codes are in `self_service`. The caller holds the lock.
"""

from collections.abc import Callable

from ..accounts.clients import AppClient
from ..accounts.tokens import ADMIN_SCOPE
from ..accounts.users import User
from ..aws_json import Answer, Parameters
from ..errors import require_parameter
from ..user_pool_service import UserPoolService
from .user_administration import read_attributes


class CodeOperations:
    """The operations with codes of one local Cognito.

    `find_client` and `find_user` raise ServiceError if the client or the user that a request names does not exist.
    """

    def __init__(
        self,
        service: UserPoolService,
        find_client: Callable[[Parameters], AppClient],
        find_user: Callable[[Parameters], User],
    ) -> None:
        self._service = service
        self._find_client = find_client
        self._find_user = find_user
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
        attributes = read_attributes(parameters)
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
        self._service.recovery.require_new_password(self._find_user(parameters))
        return {}

    def update_user_attributes(self, parameters: Parameters) -> Answer:
        """Run UpdateUserAttributes."""
        sent = self._service.verifications.update(self._holder(parameters), read_attributes(parameters))
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
