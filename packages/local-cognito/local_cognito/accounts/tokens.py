"""What Cognito's tokens say: claims from a person, a client and a grant. Pure; knows no keys, no clock, no store.

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
from .people import Person

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


def access_claims(person: Person, client: AppClient, grant: Grant, *, issuer: str, now: int) -> dict[str, Any]:
    """The claims of a person's access token."""
    return {
        "sub": person.sub,
        **_groups(person),
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
        "username": person.username,
    }


def id_claims(
    person: Person, client: AppClient, grant: Grant, *, issuer: str, now: int, access_token: str
) -> dict[str, Any]:
    """The claims of an ID token; `at_hash` stands in those of the OAuth endpoints, the nonce in the first one."""
    attributes = readable_attributes(person, client, () if grant.is_from_api else grant.scopes)
    return {
        "sub": person.sub,
        **_groups(person),
        **_roles(person),
        "iss": issuer,
        "cognito:username": person.username,
        "origin_jti": grant.origin_jti,
        "aud": client.id,
        "event_id": grant.event_id,
        "token_use": "id",
        **_assurance(grant),
        **_times(grant, now, client.id_token_seconds),
        **({} if grant.is_from_api else {"at_hash": at_hash(access_token)}),
        **({"nonce": grant.nonce} if grant.nonce else {}),
        **_identities(person),
        **{name: _typed(name, value) for name, value in attributes.items() if name != "identities"},
    }


def machine_claims(client: AppClient, scopes: Iterable[str], *, issuer: str, now: int) -> dict[str, Any]:
    """The claims of the access token that an app client gets for itself: nobody's name is in it."""
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


def user_info(person: Person, client: AppClient, scopes: Iterable[str]) -> dict[str, str]:
    """What userInfo answers; here, unlike in the ID token, the verified flags are strings."""
    return {"sub": person.sub, **readable_attributes(person, client, scopes), "username": person.username}


def readable_attributes(person: Person, client: AppClient, scopes: Iterable[str]) -> dict[str, str]:
    """The attributes that the client may read and the scopes cover; without a narrowing scope, all that it may read."""
    narrowing = set(scopes) & _SCOPE_ATTRIBUTES.keys()
    return {
        name: value
        for name, value in person.attributes.items()
        if name != "sub"
        and (not client.readable or name in client.readable)
        and (not narrowing or any(_covers(scope, name) for scope in narrowing))
    }


def at_hash(access_token: str) -> str:
    """The left half of the access token's SHA-256 (OpenID Connect Core 3.1.3.6)."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def _covers(scope: str, name: str) -> bool:
    return name in _SCOPE_ATTRIBUTES[scope] or (scope == "profile" and name.startswith("custom:"))


def _typed(name: str, value: str) -> Any:
    """An attribute as its claim: Cognito stores strings, OpenID Connect wants some of them typed; custom ones stay."""
    if name in ("email_verified", "phone_number_verified"):
        return value.lower() == "true"
    if name == "updated_at" and value.isdecimal():
        return int(value)
    return {"formatted": value} if name == "address" else value


def _groups(person: Person) -> dict[str, list[str]]:
    return {"cognito:groups": list(person.groups)} if person.groups else {}


def _roles(person: Person) -> dict[str, Any]:
    """The roles of the person's groups, and the one of the first group unless its equals have another."""
    roles = list(dict.fromkeys(group.role_arn for group in person.memberships if group.role_arn))
    if not roles:
        return {}
    with_role = [group for group in person.memberships if group.role_arn]
    rivals = {group.role_arn for group in with_role if group.precedence == with_role[0].precedence}
    preferred = {"cognito:preferred_role": roles[0]} if len(rivals) == 1 else {}
    return {"cognito:roles": roles, **preferred}


def _identities(person: Person) -> dict[str, Any]:
    """The providers that sign the person in, whatever the scopes; here, unlike in the attribute, all is strings."""
    if "identities" not in person.attributes:
        return {}
    identities: list[dict[str, Any]] = json.loads(person.attributes["identities"])
    return {"identities": [{**each, **_as_text(each)} for each in identities]}


def _as_text(identity: Mapping[str, Any]) -> dict[str, str]:
    return {"primary": str(identity["primary"]).lower(), "dateCreated": str(identity["dateCreated"])}


def _assurance(grant: Grant) -> dict[str, Any]:
    """What the sign-in has proved, where the app has asked for it; a refresh says the same."""
    return {"acr": grant.acr, "amr": list(grant.amr)} if grant.acr else {}


def _times(grant: Grant, now: int, lifetime: int) -> dict[str, Any]:
    return {"auth_time": grant.auth_time, "exp": now + lifetime, "iat": now, "jti": str(uuid.uuid4())}


def required_attributes(person: Person) -> dict[str, str]:
    """The parameters of a NEW_PASSWORD_REQUIRED challenge, both of them JSON in a string."""
    attributes = {name: value for name, value in person.attributes.items() if name != "sub"}
    return {"requiredAttributes": "[]", "userAttributes": json.dumps(attributes)}
