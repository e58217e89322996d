"""The destination of a code: the email address or phone number that the pool's settings select. No I/O.

Source: AWS API reference, CodeDeliveryDetailsType, AccountRecoverySettingType; AWS developer guide, "Managing error
responses".
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..accounts.address_forms import is_email, is_telephone
from ..errors import ServiceError

# AWS API reference, AccountRecoverySetting: without the setting, SMS is preferred.
_LEGACY_MECHANISMS = ({"Priority": 1, "Name": "verified_phone_number"}, {"Priority": 2, "Name": "verified_email"})


@dataclass(frozen=True)
class Destination:
    """The address of a code. `attribute` is `email` or `phone_number`."""

    attribute: str
    address: str

    @property
    def medium(self) -> str:
        """The delivery medium."""
        return "EMAIL" if self.attribute == "email" else "SMS"

    @property
    def masked(self) -> str:
        """The masked address for a client that may not see it."""
        if self.attribute == "phone_number":
            return f"+*******{self.address[-4:]}"
        name, _, host = self.address.partition("@")
        return f"{name[:1]}***@{host[:1]}***"

    def details(self) -> dict[str, str]:
        """Return CodeDeliveryDetails."""
        return {"Destination": self.masked, "DeliveryMedium": self.medium, "AttributeName": self.attribute}


def sign_up_destination(config: Mapping[str, Any], attributes: Mapping[str, str]) -> Destination | None:
    """Return the destination of a sign-up code; None if the pool verifies no attribute automatically.

    If both can be verified, it is the phone number (AWS API reference, AutoVerifiedAttributes).
    """
    verified = config.get("AutoVerifiedAttributes") or ()
    names = (name for name in ("phone_number", "email") if name in verified and attributes.get(name))
    return next((Destination(name, attributes[name]) for name in names), None)


def recovery_destination(config: Mapping[str, Any], attributes: Mapping[str, str]) -> Destination:
    """Return the destination of a password reset code: the first verified address, in the order of the pool's setting.

    Raises ServiceError if there is none, or if only an administrator may reset passwords.
    """
    setting = config.get("AccountRecoverySetting") or {}
    mechanisms = setting.get("RecoveryMechanisms") or _LEGACY_MECHANISMS
    names = [str(item["Name"]) for item in sorted(mechanisms, key=lambda item: int(item["Priority"]))]
    if names == ["admin_only"]:
        raise ServiceError("NotAuthorizedException", "Contact administrator to reset password.")
    for name in (name.removeprefix("verified_") for name in names if name != "admin_only"):
        if attributes.get(name) and attributes.get(f"{name}_verified", "").lower() == "true":
            return Destination(name, attributes[name])
    raise ServiceError(
        "InvalidParameterException",
        "Cannot reset password for the user as there is no registered/verified email or phone_number",
    )


def simulated_destination(config: Mapping[str, Any], username: str, key: bytes) -> Destination:
    """Return the destination for a username that does not exist: always the same for the same name."""
    if is_email(username):
        return Destination("email", username)
    digest = hmac.digest(key, username.encode(), hashlib.sha256)
    is_by_sms = is_telephone(username) or "email" not in (config.get("AutoVerifiedAttributes") or ("email",))
    if is_by_sms:
        return Destination("phone_number", username if is_telephone(username) else f"+{int.from_bytes(digest):078}")
    first, second = (chr(ord("a") + byte % 26) for byte in digest[:2])
    return Destination("email", f"{first}@{second}")
