"""Sign-up through the AWS API: new users, and the errors of Cognito that concern codes."""

import base64
import hashlib
import hmac
import itertools
from typing import Any

from .user_pools import PASSWORD, POOL_ID, SECRET

MISMATCH = ("CodeMismatchException", "Invalid verification code provided, please try again.")
EXPIRED = ("ExpiredCodeException", "Invalid code provided, please request a code again.")
LIMIT = ("LimitExceededException", "Attempt limit exceeded, please try after some time.")
UNKNOWN = ("UserNotFoundException", "Username/client id combination not found.")
_numbers = itertools.count()


def attributes(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def sign_up(idp: Any, client_id: str = "1public", **changes: Any) -> Any:
    """SignUp's answer for somebody new, whose name is in it."""
    username = f"newcomer-{next(_numbers)}"
    own = attributes(email=f"{username}@example.com")
    given = {"ClientId": client_id, "Username": username, "Password": PASSWORD, "UserAttributes": own, **changes}
    return {**idp.sign_up(**given), "Username": given["Username"]}


def attribute(idp: Any, username: str, name: str) -> str:
    person = idp.admin_get_user(UserPoolId=POOL_ID, Username=username)
    return next(str(item["Value"]) for item in person["UserAttributes"] if item["Name"] == name)


def secret_hash(username: str, client_id: str = "2confidential", secret: str = SECRET) -> str:
    digest = hmac.digest(secret.encode(), (username + client_id).encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()
