"""The claims of Cognito's tokens, computed from a user, a client and a grant. No I/O, no keys, no clock.

Source: AWS developer guide, "Understanding the identity (ID) token", "Understanding the access token".
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from .clients import AppClient
from .grants import Grant
from .users import User

ADMIN_SCOPE = "aws.cognito.signin.user.admin"
# OpenID Connect Core 5.4, as the AWS developer guide lists it.
PROFILE_ATTRIBUTES = (
    *("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture"),
    *("website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"),
)
_SCOPE_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "profile": frozenset(PROFILE_ATTRIBUTES),
    "email": frozenset({"email", "email_verified"}),
    "phone": frozenset({"phone_number", "phone_number_verified"}),
}


def access_claims(user: User, client: AppClient, grant: Grant, *, issuer: str, now: int) -> dict[str, Any]:
    """Return the claims of a user's access token."""
    return {
        "sub": user.sub,
        **_groups(user),
        "iss": issuer,
        "version": 2,
        "client_id": client.id,
        **({"aud": grant.resource} if grant.resource else {}),  # RFC 8707: the API that it is for
        "origin_jti": grant.origin_jti,
        "event_id": grant.event_id,
        "token_use": "access",
        "scope": " ".join(grant.scopes),
        **_assurance(grant),
        **_times(grant, now, client.access_token_seconds),
        "username": user.username,
    }


def id_claims(
    user: User, client: AppClient, grant: Grant, *, issuer: str, now: int, access_token: str
) -> dict[str, Any]:
    """Return the claims of an ID token.

    Only the OAuth endpoints add `at_hash`; `nonce` is only in the first ID token.
    """
    attributes = readable_attributes(user, client, () if grant.is_from_api else grant.scopes)
    return {
        "sub": user.sub,
        **_groups(user),
        **_roles(user),
        "iss": issuer,
        "cognito:username": user.username,
        "origin_jti": grant.origin_jti,
        "aud": client.id,
        "event_id": grant.event_id,
        "token_use": "id",
        **_assurance(grant),
        **_times(grant, now, client.id_token_seconds),
        **({} if grant.is_from_api else {"at_hash": at_hash(access_token)}),
        **({"nonce": grant.nonce} if grant.nonce else {}),
        **_identities(user),
        **{name: _convert_type(name, value) for name, value in attributes.items() if name != "identities"},
    }


def machine_claims(client: AppClient, scopes: Iterable[str], *, issuer: str, now: int) -> dict[str, Any]:
    """Return the claims of the access token of the client credentials grant."""
    return {
        "sub": client.id,
        "token_use": "access",
        "scope": " ".join(scopes),
        "auth_time": now,
        "iss": issuer,
        "exp": now + client.access_token_seconds,
        "iat": now,
        "version": 2,
        "jti": str(uuid.uuid4()),
        "client_id": client.id,
    }


def user_info(user: User, client: AppClient, scopes: Iterable[str]) -> dict[str, str]:
    """Return the userInfo response. Unlike in the ID token, the verified flags are strings."""
    return {"sub": user.sub, **readable_attributes(user, client, scopes), "username": user.username}


def readable_attributes(user: User, client: AppClient, scopes: Iterable[str]) -> dict[str, str]:
    """Return the attributes that the client may read and the scopes cover.

    Without such a scope: all that it may read.
    """
    narrowing = set(scopes) & _SCOPE_ATTRIBUTES.keys()
    covered = {name for scope in narrowing for name in _SCOPE_ATTRIBUTES[scope]}
    return {
        name: value
        for name, value in user.attributes.items()
        if name != "sub"
        and (not client.readable or name in client.readable)
        # The scope `profile` also covers all custom attributes.
        and (not narrowing or name in covered or ("profile" in narrowing and name.startswith("custom:")))
    }


def at_hash(access_token: str) -> str:
    """Return the left half of the access token's SHA-256 as base64url (OpenID Connect Core 3.1.3.6)."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def _convert_type(name: str, value: str) -> Any:
    """Return an attribute as a claim. Cognito stores strings; OpenID Connect requires other types for some claims."""
    if name in ("email_verified", "phone_number_verified"):
        return value.lower() == "true"
    if name == "updated_at" and value.isdecimal():
        return int(value)
    return {"formatted": value} if name == "address" else value


def _groups(user: User) -> dict[str, list[str]]:
    return {"cognito:groups": list(user.groups)} if user.groups else {}


def _roles(user: User) -> dict[str, Any]:
    """Return `cognito:roles`, and `cognito:preferred_role` unless groups of equal precedence have different roles."""
    roles = list(dict.fromkeys(group.role_arn for group in user.memberships if group.role_arn))
    if not roles:
        return {}
    with_role = [group for group in user.memberships if group.role_arn]
    rivals = {group.role_arn for group in with_role if group.precedence == with_role[0].precedence}
    preferred = {"cognito:preferred_role": roles[0]} if len(rivals) == 1 else {}
    return {"cognito:roles": roles, **preferred}


def _identities(user: User) -> dict[str, Any]:
    """Return the claim `identities`, for any scopes. Unlike in the attribute, all values are strings."""
    if "identities" not in user.attributes:
        return {}
    identities: list[dict[str, Any]] = json.loads(user.attributes["identities"])
    return {
        "identities": [
            {**identity, "primary": str(identity["primary"]).lower(), "dateCreated": str(identity["dateCreated"])}
            for identity in identities
        ]
    }


def _assurance(grant: Grant) -> dict[str, Any]:
    """Return `acr` and `amr` if the app requested them. A refresh returns the same values."""
    return {"acr": grant.acr, "amr": list(grant.amr)} if grant.acr else {}


def _times(grant: Grant, now: int, lifetime: int) -> dict[str, Any]:
    return {"auth_time": grant.auth_time, "exp": now + lifetime, "iat": now, "jti": str(uuid.uuid4())}


def required_attributes(user: User) -> dict[str, str]:
    """Return the parameters of a NEW_PASSWORD_REQUIRED challenge, each as a JSON string."""
    attributes = {name: value for name, value in user.attributes.items() if name != "sub"}
    return {"requiredAttributes": "[]", "userAttributes": json.dumps(attributes)}
