"""The rule of step-up authentication: how recent a sign-in must be, and which level it must reach.

No I/O and no clock. Must not depend on requests or settings: entry points pass the tokens, the moment and the leeway.
Source: RFC 9470; OpenID Connect Core 2 and 3.1.2.1; AWS developer guide, "Step-up authentication with ACR values".
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ..core import ClientToken, IdToken
from ..core.tokens.token import Token

# Level 4 is a password and TOTP. Level 3 is a passkey, or a password and a code by SMS or email.
MFA_ACR_VALUES = ("urn:cognito:loa:4", "urn:cognito:loa:3")
_MAX_SECONDS = 999_999_999  # nine digits: the login URL accepts no longer `max_age`
# A pool can rename its levels (AcrConfiguration): no space, `"` or `\`. So the name can be quoted in a header.
_ACR_VALUE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")


@dataclass(frozen=True, slots=True)
class SignInRequirement:
    """What a sign-in must fulfil: its age in seconds, and one of the levels `acr_values`, if they are set."""

    max_age_seconds: float | None = None
    acr_values: tuple[str, ...] = ()

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> Self:
        """Return the requirement of authorization request parameters that were checked."""
        max_age = params.get("max_age")
        return cls(None if max_age is None else int(max_age), tuple(params.get("acr_values", "").split()))

    @property
    def params(self) -> dict[str, str]:
        """The authorization request parameters, which RFC 9470 also uses in the challenge of an API."""
        max_age = {} if self.max_age_seconds is None else {"max_age": str(int(self.max_age_seconds))}
        return max_age | ({"acr_values": " ".join(self.acr_values)} if self.acr_values else {})

    @property
    def code(self) -> str:
        """The error code for a session without a sign-in at Cognito."""
        return "mfa_missing" if self.acr_values and self.max_age_seconds is None else "sign_in_too_old"

    def find_problem(self, token: Token | None, id_token: IdToken | None, *, now: float, leeway_seconds: float) -> str:
        """Return the error code if the sign-in of the tokens does not fulfil the requirement; otherwise empty.

        "sign_in_too_old" or "mfa_missing"; "user_required" for a machine-to-machine client. Without a token there was
        no sign-in at Cognito, as with a local password: too old, and without a second factor.
        Both tokens are verified, and of one user. An ID token with another `auth_time` is of another sign-in, and is
        ignored: without `origin_jti`, nothing else shows that. A refresh changes none of the claims.
        """
        if isinstance(token, ClientToken):
            return "user_required"  # its `auth_time` is the moment of issue: always recent
        signed_in_at = -math.inf if token is None or token.auth_time is None else token.auth_time.timestamp()
        if self.max_age_seconds is not None and signed_in_at < now - self.max_age_seconds - leeway_seconds:
            return "sign_in_too_old"
        is_of_one_sign_in = id_token is not None and token is not None and id_token.auth_time == token.auth_time
        tokens = (id_token, token) if is_of_one_sign_in else (token,)
        if self.acr_values and not any(item is not None and self._has_level(item.claims) for item in tokens):
            return "mfa_missing"
        return ""

    def _has_level(self, claims: Mapping[str, Any]) -> bool:
        """Return whether `acr` is one of the levels. For MFA in general, `mfa` in `amr` is sufficient.

        If a site names its levels, `amr` is not: it does not tell SMS from TOTP.
        """
        amr = claims.get("amr")
        has_mfa = isinstance(amr, tuple) and "mfa" in amr and self.acr_values == MFA_ACR_VALUES
        return has_mfa or claims.get("acr") in self.acr_values


NO_REQUIREMENT = SignInRequirement()


def require_recent_sign_in(seconds: int) -> SignInRequirement:
    """Return the requirement of a sign-in in the last `seconds`.

    Raises TypeError if they are no integer (a decorator without parentheses gets the view), ValueError if they are not
    from 1 to 999,999,999.
    """
    if type(seconds) is not int:
        raise TypeError(f"give the seconds as an integer: (300); found {type(seconds).__name__}")
    if not 0 < seconds <= _MAX_SECONDS:
        raise ValueError(f"give 1 to {_MAX_SECONDS} seconds; found {seconds}")
    return SignInRequirement(max_age_seconds=seconds)


def require_mfa(acr_values: Sequence[str], recent_sign_in_seconds: int | None = None) -> SignInRequirement:
    """Return the requirement of a sign-in at one of the levels `acr_values`, if set in the last seconds.

    Raises TypeError if they are not a list of names, or are empty; ValueError for a name that Cognito does not allow.
    For the seconds see `require_recent_sign_in`.
    """
    if isinstance(acr_values, str) or not acr_values or not all(isinstance(name, str) for name in acr_values):
        raise TypeError('acr_values takes a list of at least one name: acr_values=["urn:cognito:loa:4"]')
    if invalid := [name for name in acr_values if not _ACR_VALUE.fullmatch(name)]:
        raise ValueError(f"acr_values has 1 to 64 characters each, without spaces, quotes and backslashes: {invalid}")
    recent = NO_REQUIREMENT if recent_sign_in_seconds is None else require_recent_sign_in(recent_sign_in_seconds)
    return SignInRequirement(recent.max_age_seconds, tuple(acr_values))
