"""The OAuth scope with which Cognito returns an attribute of a user, in ID tokens and from userInfo. No I/O.

Source: AWS developer guide, "Scopes, M2M, and resource servers" and "The userInfo endpoint".
"""

from collections.abc import Collection

# With `openid` and none of the others, all attributes are returned; otherwise only those of the requested scopes.
ATTRIBUTE_SCOPES = frozenset({"openid", "email", "phone", "profile"})
# The scope of access tokens of a sign-in by the user-pool API, whose ID token has all attributes.
API_SCOPE = "aws.cognito.signin.user.admin"

_SCOPES = {
    **dict.fromkeys(("email", "email_verified"), "email"),
    **dict.fromkeys(("phone_number", "phone_number_verified"), "phone"),
    **dict.fromkeys(("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username"), "profile"),
    **dict.fromkeys(("profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale"), "profile"),
    "updated_at": "profile",
    **dict.fromkeys(("address", "identities"), "openid"),  # no other scope contains them
}


def find_scope(source: str) -> str | None:
    """Return the scope of a claim, or of the claim of a dotted path; None if the claim is no attribute of a user.

    Only a trigger can add such a claim.
    """
    if source.startswith("custom:"):
        return "profile"
    return _SCOPES.get(source) or _SCOPES.get(source.partition(".")[0])


def list_returned_scopes(requested: Collection[str]) -> frozenset[str]:
    """Return those of ATTRIBUTE_SCOPES whose attributes Cognito returns for the scopes that were requested."""
    return (ATTRIBUTE_SCOPES & frozenset(requested)) - {"openid"} or ATTRIBUTE_SCOPES
