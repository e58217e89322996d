"""Read a seed from YAML or JSON and check every key. Every error names the place. Does not depend on moto.

The same seed always results in the same ids, so that a site's users survive a restart of the local Cognito.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..accounts.address_forms import is_email, is_telephone
from ..accounts.tokens import PROFILE_ATTRIBUTES
from . import values
from .account_reading import ACCOUNT, read_account
from .identity_provider_reading import read_providers, require_known_providers
from .seed import Seed, SeedClient, SeedGroup, SeedPasswordPolicy, SeedPool, SeedResourceServer, SeedUser
from .values import Path as SeedPath
from .values import SeedError, Table

DEFAULT_SEED = Path(__file__).with_name("default.yaml")
_FORMS = {"email": "an email address", "phone_number": "a phone number (+12065550100)"}
# libyaml reads a large seed ten times as fast. It is a part of PyYAML's wheels.
_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_USER_NAMESPACE = uuid.UUID("5f0a2c1e-6a0b-5d0e-9a58-2f1f0f4b7c11")


def read_seed(source: Path | str | Mapping[str, Any]) -> Seed:
    """Return the seed from a file (YAML, or JSON by its suffix) or from a mapping of the same shape.

    Raises SeedError, which names the file, the place in it and the expected value.
    """
    if isinstance(source, Mapping):
        return _seed(source, SeedPath("seed"))
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.load(text, _YamlLoader)  # noqa: S506 a safe loader
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SeedError(f"{path}: cannot be read: {error}") from error
    return _seed(document, SeedPath(str(path)))


def default_seed() -> Seed:
    """Return the seed of the package: one pool with three users."""
    return read_seed(DEFAULT_SEED)


_GROUP = Table(
    required={"name": values.non_empty_string},
    optional={
        "precedence": values.non_negative_int,
        "description": values.non_empty_string,
        "role": values.role_name,
        "role_arn": values.non_empty_string,
    },
)
_RESOURCE_SERVER = Table(
    required={"identifier": values.resource_server, "scopes": values.scope_names},
    optional={"name": values.non_empty_string},
)
_CLIENT = Table(
    required={"id": values.client_id},
    optional={
        "name": values.non_empty_string,
        "secret": values.client_secret,
        "callback_urls": values.string_list,
        "logout_urls": values.string_list,
        "scopes": values.string_list,
        "flows": values.some_of("code", "client_credentials"),
        "auth_flows": values.some_of(
            "ALLOW_USER_SRP_AUTH",
            "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_ADMIN_USER_PASSWORD_AUTH",
            "ALLOW_REFRESH_TOKEN_AUTH",
        ),
        "access_token_minutes": values.positive_number,
        "id_token_minutes": values.positive_number,
        "refresh_token_days": values.positive_number,
        "session_minutes": values.non_negative_int,
        "rotate_refresh_tokens": values.boolean,
        "rotation_grace_seconds": values.grace_seconds,
        "prevent_user_existence_errors": values.boolean,
        "enable_token_revocation": values.boolean,
        "read_attributes": values.string_list,
        "identity_providers": values.string_list,
        "publish_secret": values.boolean,
        "rotate_secret_seconds": values.positive_number,
        "former_secret_seconds": values.positive_number,
    },
)
_STANDARD_ATTRIBUTES = (*PROFILE_ATTRIBUTES, "phone_number", "address")
_USER = Table(
    required={"username": values.non_empty_string},
    optional={
        **dict.fromkeys(_STANDARD_ATTRIBUTES, values.non_empty_string),
        "sub": values.non_empty_string,
        "password": values.non_empty_string,
        "email": values.non_empty_string,
        "email_verified": values.boolean,
        "groups": values.string_list,
        "totp_secret": values.base32_secret,
        "status": values.one_of("CONFIRMED", "FORCE_CHANGE_PASSWORD", "UNCONFIRMED", "RESET_REQUIRED"),
        "enabled": values.boolean,
        "attributes": values.string_mapping,
    },
)
_PASSWORD_POLICY = Table(
    optional={
        "minimum_length": values.positive_int,
        "require_lowercase": values.boolean,
        "require_uppercase": values.boolean,
        "require_numbers": values.boolean,
        "require_symbols": values.boolean,
    }
)
_POOL = Table(
    required={"id": values.pool_id},
    optional={
        "name": values.non_empty_string,
        "mfa": values.mfa_mode,
        "tier": values.one_of("lite", "essentials", "plus"),
        "sign_up": values.boolean,
        "case_sensitive": values.boolean,
        "auto_verified_attributes": values.some_of("email", "phone_number"),
        "required_attributes": values.some_of("email", *_STANDARD_ATTRIBUTES),
        "custom_attributes": values.custom_attributes,
        "password_policy": values.any_value,
        "username_attributes": values.some_of("email", "phone_number"),
        "alias_attributes": values.some_of("email", "phone_number", "preferred_username"),
        "groups": values.any_value,
        "resource_servers": values.any_value,
        "identity_providers": values.any_value,
        "clients": values.any_value,
        "users": values.any_value,
    },
)


def _seed(document: Any, path: SeedPath) -> Seed:
    fields = Table(required={"pools": values.any_value}, optional=ACCOUNT).read(document, path)
    pools = tuple(_read_pool(item, at) for item, at in values.iterate_items(fields.pop("pools"), path / "pools"))
    values.require_unique([pool.id for pool in pools], path / "pools", "id")
    clients = [client.id for pool in pools for client in pool.clients]
    values.require_unique(clients, path / "pools", "client id")
    return Seed(pools, read_account(fields, path, pools))


def _read_pool(document: Any, path: SeedPath) -> SeedPool:
    """Return a pool. Raises SeedError. The default `sub` of a user is computed: it is the same in every process."""
    fields = _POOL.read(document, path)

    def listed(key: str) -> Iterator[tuple[Any, SeedPath]]:
        return values.iterate_items(fields.pop(key, []), path / key)

    groups = tuple(SeedGroup(**_GROUP.read(item, at)) for item, at in listed("groups"))
    servers = tuple(SeedResourceServer(**_RESOURCE_SERVER.read(item, at)) for item, at in listed("resource_servers"))
    clients = tuple(SeedClient(**_CLIENT.read(item, at)) for item, at in listed("clients"))
    users = []
    for item, at in listed("users"):
        user = _USER.read(item, at)
        _apply_username_form(user, fields, at)
        if user.get("totp_secret") and fields.get("mfa", "off") == "off":
            raise at.error("has a totp_secret, but the pool's mfa is off")
        standard = {name: user.pop(name) for name in _STANDARD_ATTRIBUTES if name in user}
        user["attributes"] = {**standard, **user.get("attributes", {})}
        if "sub" not in user:
            user["sub"] = str(uuid.uuid5(_USER_NAMESPACE, f"{fields['id']} {user['username']}"))
        users.append(SeedUser(**user))
    providers = read_providers(fields.pop("identity_providers", []), path / "identity_providers")
    policy = _PASSWORD_POLICY.read(fields.pop("password_policy", {}), path / "password_policy")
    fields["password_policy"] = SeedPasswordPolicy(**policy)
    fields.update(groups=groups, resource_servers=servers, identity_providers=providers, clients=clients)
    pool = SeedPool(**fields, users=tuple(users))
    _require_consistent(pool, path)
    return pool


def _apply_username_form(user: dict[str, Any], pool: Mapping[str, Any], path: SeedPath) -> None:
    """Set the attribute that the username is, in a pool with username attributes. Raises SeedError for a wrong form.

    AWS developer guide, "Customizing sign-in attributes": the username is then an email address or phone number; with
    an alias it must not have the form of the alias.
    """
    username = user["username"]
    form = "email" if is_email(username) else "phone_number" if is_telephone(username) else ""
    required = pool.get("username_attributes", ())
    if not required and form and form in pool.get("alias_attributes", ()):
        raise (path / "username").error(f"must not be {_FORMS[form]}: {form} is in alias_attributes of the pool")
    if not required:
        return
    if form not in required:
        similar = next((user[name] for name in required if user.get(name)), "")
        hint = f"; did you mean {similar!r}?" if similar else ""
        expected = " or ".join(_FORMS[name] for name in required)
        raise (path / "username").error(f"must be {expected}, as username_attributes of the pool requires{hint}")
    if user.setdefault(form, username) != username:
        raise (path / form).error(f"must be the same as username, or absent: the username is the user's {form}")


def _require_consistent(pool: SeedPool, path: SeedPath) -> None:
    """Raise SeedError unless names are unique and each name that refers to another part of the pool exists."""
    values.require_unique([group.name for group in pool.groups], path / "groups", "name")
    usernames = [user.username if pool.case_sensitive else user.username.lower() for user in pool.users]
    values.require_unique(usernames, path / "users", "username")
    values.require_unique([user.sub for user in pool.users], path / "users", "sub")
    values.require_unique(
        [server.identifier for server in pool.resource_servers], path / "resource_servers", "identifier"
    )
    for number, client in enumerate(pool.clients):
        _require_scopes(client, pool, path / f"clients[{number}]")
        require_known_providers(client, pool.identity_providers, path / f"clients[{number}]")
        _require_published(client, path / f"clients[{number}]")
    names = [group.name for group in pool.groups]
    for number, user in enumerate(pool.users):
        for group in user.groups:
            if group not in names:
                raise (path / f"users[{number}]" / "groups").error(values.unknown_name_message("group", group, names))


def _require_published(client: SeedClient, path: SeedPath) -> None:
    """Raise SeedError unless each published secret exists, and each one that rotates is published."""
    if client.publish_secret and client.secret is None:
        raise path.error("publish_secret needs a secret")
    if client.rotate_secret_seconds and not client.publish_secret:
        raise path.error("rotate_secret_seconds needs publish_secret: true, where clients read the new secret")
    if client.former_secret_seconds and not client.rotate_secret_seconds:
        raise path.error("former_secret_seconds needs rotate_secret_seconds")


def _require_scopes(client: SeedClient, pool: SeedPool, path: SeedPath) -> None:
    """Raise SeedError unless the client's scopes exist and are valid for its flow."""
    scope_names = [name for server in pool.resource_servers for name in server.scope_names]
    for scope in client.scopes:
        if "/" in scope and scope not in scope_names:
            raise (path / "scopes").error(values.unknown_name_message("scope", scope, scope_names))
    if "client_credentials" not in client.flows:
        return
    if client.flows != ("client_credentials",):
        raise (path / "flows").error("client_credentials stands alone: give the other flows to another client")
    if client.secret is None:
        raise path.error("client_credentials needs a secret")
    if not all("/" in scope for scope in client.scopes):
        raise (path / "scopes").error("client_credentials takes scopes of resource servers alone (identifier/scope)")
