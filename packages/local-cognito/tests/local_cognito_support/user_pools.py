"""Two user pools for the tests of the AWS API, their users, and a clock that can be set ahead."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyotp

POOL_ID = "eu-west-1_Engine"
OTHER_POOL_ID = "us-east-1_Strict"
SECRET = "a0secret1of2thirty3two4characters"
PASSWORD = "Correct-horse-7"
_ALL_FLOWS = [
    "ALLOW_USER_SRP_AUTH",
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
]
_ROLE = "arn:aws:iam::123456789012:role/"

SEED: dict[str, Any] = {
    "pools": [
        {
            "id": POOL_ID,
            "name": "Engine",
            "mfa": "optional",
            "alias_attributes": ["email"],
            "groups": [
                {"name": "viewers"},
                {"name": "editors", "precedence": 10, "role_arn": _ROLE + "editor"},
                {"name": "admins", "precedence": 1, "role_arn": _ROLE + "admin"},
                {"name": "rivals", "precedence": 1, "role_arn": _ROLE + "rival"},
            ],
            "clients": [
                {"id": "1public", "auth_flows": _ALL_FLOWS, "access_token_minutes": 5, "id_token_minutes": 10},
                {"id": "2confidential", "secret": SECRET, "auth_flows": _ALL_FLOWS},
                {"id": "3frugal"},
                {"id": "4talkative", "auth_flows": _ALL_FLOWS, "prevent_user_existence_errors": False},
                {
                    "id": "5rotating",
                    "auth_flows": _ALL_FLOWS,
                    "rotate_refresh_tokens": True,
                    "rotation_grace_seconds": 60,
                },
                {"id": "6narrow", "auth_flows": _ALL_FLOWS, "read_attributes": ["name"]},
                {"id": "7eternal", "auth_flows": _ALL_FLOWS, "enable_token_revocation": False},
            ],
            "users": [
                {
                    "username": "alice",
                    "sub": "a11ce000-0000-4000-8000-000000000001",
                    "email": "alice@example.com",
                    "email_verified": True,
                    "name": "Alice Arden",
                    "password": PASSWORD,
                    "groups": ["viewers", "editors", "admins"],
                    "attributes": {"custom:age": "12", "updated_at": "1790000000", "address": "1 Hill Street"},
                }
            ],
        },
        {
            "id": OTHER_POOL_ID,
            "mfa": "on",
            "username_attributes": ["email"],
            "clients": [{"id": "9strict", "auth_flows": _ALL_FLOWS}],
            "users": [
                {
                    "username": "sue@example.com",
                    "sub": "50e00000-0000-4000-8000-000000000001",
                    "password": PASSWORD,
                },
                {"username": "sam@example.com", "password": PASSWORD},
            ],
        },
    ]
}


class Clock:
    """The real time plus `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead

    def pass_seconds(self, seconds: float) -> None:
        """Advance the clock."""
        self.ahead += seconds


@dataclass
class Users:
    """Creates users in a pool, one or more per test."""

    idp: Any
    pool_id: str = POOL_ID
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def create(self, *groups: str, permanent_password: bool = True) -> str:
        """Create a user with the password PASSWORD and return the username."""
        username = f"person-{next(self._numbers)}"
        self.idp.admin_create_user(UserPoolId=self.pool_id, Username=username)
        self.idp.admin_set_user_password(
            UserPoolId=self.pool_id, Username=username, Password=PASSWORD, Permanent=permanent_password
        )
        for group in groups:
            self.idp.admin_add_user_to_group(UserPoolId=self.pool_id, Username=username, GroupName=group)
        return username

    def sign_in(self, username: str, client_id: str = "1public", password: str = PASSWORD) -> dict[str, Any]:
        """Return InitiateAuth's response to username and password."""
        answer: dict[str, Any] = self.idp.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=client_id,
            AuthParameters={"USERNAME": username, "PASSWORD": password},
        )
        return answer

    def create_with_email(self, *, verified: bool = True) -> str:
        """Create a user with an email address and return the username."""
        username = self.create()
        attributes = {"email": f"{username}@example.com", "email_verified": str(verified).lower()}
        items = [{"Name": name, "Value": value} for name, value in attributes.items()]
        self.idp.admin_update_user_attributes(UserPoolId=self.pool_id, Username=username, UserAttributes=items)
        return username

    def tokens(self, username: str, client_id: str = "1public") -> dict[str, str]:
        """Return the tokens of a sign-in that needs no challenge."""
        tokens: dict[str, str] = self.sign_in(username, client_id)["AuthenticationResult"]
        return tokens

    def enable_totp(self, username: str, clock: Clock) -> pyotp.TOTP:
        """Register and enable an authenticator app. Advance the clock past the code that registered it."""
        access_token = self.tokens(username)["AccessToken"]
        app = pyotp.TOTP(self.idp.associate_software_token(AccessToken=access_token)["SecretCode"])
        self.idp.verify_software_token(AccessToken=access_token, UserCode=app.at(int(clock())))
        self.idp.set_user_mfa_preference(
            AccessToken=access_token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
        )
        clock.pass_seconds(60)
        return app
