"""Sign-up through the AWS API: new users, and Cognito's errors for codes."""

import base64
import hashlib
import hmac
import itertools
from typing import Any

from .user_pools import PASSWORD, POOL_ID, SECRET

CODE_MISMATCH = ("CodeMismatchException", "Invalid verification code provided, please try again.")
CODE_EXPIRED = ("ExpiredCodeException", "Invalid code provided, please request a code again.")
LIMIT_EXCEEDED = ("LimitExceededException", "Attempt limit exceeded, please try after some time.")
USER_NOT_FOUND = ("UserNotFoundException", "Username/client id combination not found.")
_numbers = itertools.count()


def attributes(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def sign_up(idp: Any, client_id: str = "1public", **changes: Any) -> Any:
    """Sign a new user up and return SignUp's response with their `Username`."""
    username = f"newcomer-{next(_numbers)}"
    user_attributes = attributes(email=f"{username}@example.com")
    parameters = {
        "ClientId": client_id,
        "Username": username,
        "Password": PASSWORD,
        "UserAttributes": user_attributes,
        **changes,
    }
    return {**idp.sign_up(**parameters), "Username": parameters["Username"]}


def read_attribute(idp: Any, username: str, name: str) -> str:
    user = idp.admin_get_user(UserPoolId=POOL_ID, Username=username)
    return next(str(item["Value"]) for item in user["UserAttributes"] if item["Name"] == name)


def secret_hash(username: str, client_id: str = "2confidential", secret: str = SECRET) -> str:
    digest = hmac.digest(secret.encode(), (username + client_id).encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()
