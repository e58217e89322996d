"""The operations that send a code to somebody, or take one: sign-up, forgotten password, verified attributes.

Knows no rule of codes: those are in the accounts. Every caller holds the lock.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..accounts.clients import AppClient
from ..accounts.people import Person
from ..accounts.tokens import ADMIN_SCOPE
from ..aws_json import Answer, Parameters
from ..refusals import Refused, required
from ..user_pool_service import Authority


class CodeOperations:
    """SignUp and its kin, for one local Cognito. `find_client` raises Refused for a client that does not exist."""

    def __init__(self, authority: Authority, find_client: Callable[[Parameters], AppClient]) -> None:
        self._authority = authority
        self._find_client = find_client
        self.by_name: dict[str, Callable[[Parameters], Answer]] = {
            "SignUp": self._sign_up,
            "ConfirmSignUp": self._confirm_sign_up,
            "ResendConfirmationCode": self._resend,
            "ForgotPassword": self._forgot_password,
            "ConfirmForgotPassword": self._confirm_forgot_password,
            "AdminResetUserPassword": self._admin_reset,
            "UpdateUserAttributes": self._update_attributes,
            "GetUserAttributeVerificationCode": self._send_verification,
            "VerifyUserAttribute": self._verify,
        }

    def _sign_up(self, parameters: Parameters) -> Answer:
        client, username = self._caller(parameters)
        attributes = _attributes(parameters)
        password = required(parameters, "Password")
        person, destination = self._authority.sign_ups.register(client, username, password, attributes)
        delivery = {"CodeDeliveryDetails": destination.details()} if destination else {}
        return {"UserConfirmed": False, "UserSub": person.sub, **delivery}

    def _confirm_sign_up(self, parameters: Parameters) -> Answer:
        client, username = self._caller(parameters)
        takes_alias = parameters.get("ForceAliasCreation") is True
        code = required(parameters, "ConfirmationCode")
        self._authority.sign_ups.confirm(client, username, code, takes_alias=takes_alias)
        return {}

    def _resend(self, parameters: Parameters) -> Answer:
        client, username = self._caller(parameters)
        return {"CodeDeliveryDetails": self._authority.sign_ups.resend(client, username).details()}

    def _forgot_password(self, parameters: Parameters) -> Answer:
        client, username = self._caller(parameters)
        return {"CodeDeliveryDetails": self._authority.recovery.request(client, username).details()}

    def _confirm_forgot_password(self, parameters: Parameters) -> Answer:
        client, username = self._caller(parameters)
        code, password = required(parameters, "ConfirmationCode"), required(parameters, "Password")
        self._authority.recovery.reset(client, username, code, password)
        return {}

    def _admin_reset(self, parameters: Parameters) -> Answer:
        user = self._authority.pools.user(str(parameters.get("UserPoolId")), str(parameters.get("Username")))
        if user is None:
            raise Refused("UserNotFoundException", "User does not exist.")
        self._authority.recovery.require(self._authority.pools.person(user))
        return {}

    def _update_attributes(self, parameters: Parameters) -> Answer:
        sent = self._authority.verifications.update(self._holder(parameters), _attributes(parameters))
        return {"CodeDeliveryDetailsList": [destination.details() for destination in sent]}

    def _send_verification(self, parameters: Parameters) -> Answer:
        sent = self._authority.verifications.send(self._holder(parameters), required(parameters, "AttributeName"))
        return {"CodeDeliveryDetails": sent.details()}

    def _verify(self, parameters: Parameters) -> Answer:
        attribute, code = required(parameters, "AttributeName"), required(parameters, "Code")
        self._authority.verifications.verify(self._holder(parameters), attribute, code)
        return {}

    def _caller(self, parameters: Parameters) -> tuple[AppClient, str]:
        """The client, which has proved its secret, and the name that it speaks of. Raises Refused."""
        client, username = self._find_client(parameters), required(parameters, "Username")
        client.require_secret_hash(username, parameters.get("SecretHash"))
        return client, username

    def _holder(self, parameters: Parameters) -> Person:
        return self._authority.holder(str(parameters.get("AccessToken", "")), scope=ADMIN_SCOPE)[0]


def _attributes(parameters: Parameters) -> dict[str, str]:
    """UserAttributes by name. Raises Refused."""
    items: Any = parameters.get("UserAttributes") or []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and item.get("Name") for item in items):
        raise Refused("InvalidParameterException", "UserAttributes must be a list of names and values")
    return {str(item["Name"]): str(item.get("Value") or "") for item in items}
