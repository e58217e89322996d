"""Load a seed into moto's user pools with the ids of the seed. moto's API would generate new ids each time."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool, CognitoIdpUserPoolClient, UserStatus

from ..accounts.moto_private_key import cached_private_key
from ..aws.account import Account
from ..user_pool_service import UserPoolService
from .seed import Seed, SeedClient, SeedIdentityProvider, SeedPool, SeedUser


def load_seed(seed: Seed, service: UserPoolService, account: Account) -> None:
    """Create the user pools of `seed` in `service`. The roles of their groups are those of `account`."""
    with service.lock, cached_private_key():
        for pool in seed.pools:
            _add_pool(pool, service, account)


def _add_pool(seed: SeedPool, service: UserPoolService, account: Account) -> None:
    """Create the pool with its groups, resource servers, identity providers, clients and users, in this order."""
    backend = service.pools.backend(seed.id.partition("_")[0])
    pool = CognitoIdpUserPool(backend.account_id, backend.region_name, seed.name or seed.id, _pool_config(seed))
    pool.arn = pool.arn.replace(pool.id, seed.id)
    pool.id = seed.id
    texts = [{"Name": name, "AttributeDataType": "String"} for name in _custom_attributes(seed)]
    pool.add_custom_attributes(texts)
    for name in seed.required_attributes:
        pool.schema_attributes[name].required = True
    pool.token_mfa_config = {"Enabled": seed.mfa != "off"}
    backend.add_user_pool(pool)
    for group in seed.groups:
        role_arn = account.role_arn(group.role) if group.role else group.role_arn
        # moto's signature requires numbers and strings, but its groups accept None.
        backend.create_group(seed.id, group.name, group.description, role_arn, group.precedence)  # type: ignore[arg-type]
    for server in seed.resource_servers:
        scopes = [{"ScopeName": scope, "ScopeDescription": scope} for scope in server.scopes]
        backend.create_resource_server(seed.id, server.identifier, server.name or server.identifier, scopes)
    for provider in seed.identity_providers:
        backend.create_identity_provider(seed.id, provider.name, _provider_config(provider))
    for client in seed.clients:
        moto_client = CognitoIdpUserPoolClient(seed.id, client.secret is not None, _client_config(client))
        moto_client.id, moto_client.secret = client.id, client.secret or ""
        pool.clients[client.id] = moto_client
        if client.publish_secret:
            published = service.client(client.id)
            assert published is not None  # noqa: S101 it was added in the line before
            service.published_secrets.publish(
                published,
                rotation_seconds=client.rotate_secret_seconds,
                former_seconds=client.former_secret_seconds,
            )
    for user in seed.users:
        _add_user(user, pool, service)


def _custom_attributes(seed: SeedPool) -> Iterator[str]:
    """Yield the names of all custom attributes of the seed, each once, without the prefix."""
    mappings = [provider.attribute_mapping for provider in seed.identity_providers]
    for name in dict.fromkeys(chain.from_iterable([*mappings, *(user.attributes for user in seed.users)])):
        if name.startswith("custom:") and name.removeprefix("custom:") not in seed.custom_attributes:
            yield name.removeprefix("custom:")
    yield from dict.fromkeys(seed.custom_attributes)


def _pool_config(seed: SeedPool) -> dict[str, Any]:
    """Return the parameters of CreateUserPool."""
    policy = seed.password_policy
    return {
        "MfaConfiguration": seed.mfa.upper(),
        "UserPoolTier": seed.tier.upper(),
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": not seed.sign_up},
        "AutoVerifiedAttributes": list(seed.auto_verified_attributes),
        "Policies": {
            "PasswordPolicy": {
                "MinimumLength": policy.minimum_length,
                "RequireLowercase": policy.require_lowercase,
                "RequireUppercase": policy.require_uppercase,
                "RequireNumbers": policy.require_numbers,
                "RequireSymbols": policy.require_symbols,
                "TemporaryPasswordValidityDays": 7,
            }
        },
        "UsernameAttributes": list(seed.username_attributes),
        "AliasAttributes": list(seed.alias_attributes),
        "UsernameConfiguration": {"CaseSensitive": seed.case_sensitive},
    }


def _provider_config(seed: SeedIdentityProvider) -> dict[str, Any]:
    """Return the parameters of CreateIdentityProvider."""
    details = ("client_id", "client_secret", "authorize_scopes", "oidc_issuer", "attributes_request_method")
    provider_details = {
        name: getattr(seed, name) for name in (*details, "authorize_url", "token_url", "attributes_url", "jwks_uri")
    }
    return {
        "ProviderType": seed.type,
        "ProviderDetails": {name: value for name, value in provider_details.items() if value},
        "AttributeMapping": {"username": "sub", **seed.attribute_mapping},
        "IdpIdentifiers": list(seed.idp_identifiers),
    }


def _client_config(seed: SeedClient) -> dict[str, Any]:
    """Return the parameters of CreateUserPoolClient."""
    return {
        "ClientName": seed.name or seed.id,
        "CallbackURLs": list(seed.callback_urls),
        "LogoutURLs": list(seed.logout_urls),
        "AllowedOAuthScopes": list(seed.scopes),
        "AllowedOAuthFlows": list(seed.flows),
        "AllowedOAuthFlowsUserPoolClient": bool(seed.flows),
        "SupportedIdentityProviders": list(seed.identity_providers),
        "ExplicitAuthFlows": list(seed.auth_flows),
        "AccessTokenValidity": round(seed.access_token_minutes * 60),
        "IdTokenValidity": round(seed.id_token_minutes * 60),
        "RefreshTokenValidity": round(seed.refresh_token_days * 86_400),
        "TokenValidityUnits": dict.fromkeys(("AccessToken", "IdToken", "RefreshToken"), "seconds"),
        "AuthSessionValidity": seed.session_minutes,
        "EnableTokenRevocation": seed.enable_token_revocation,
        "PreventUserExistenceErrors": "ENABLED" if seed.prevent_user_existence_errors else "LEGACY",
        "RefreshTokenRotation": {
            "Feature": "ENABLED" if seed.rotate_refresh_tokens else "DISABLED",
            "RetryGracePeriodSeconds": seed.rotation_grace_seconds,
        },
        **({"ReadAttributes": list(seed.read_attributes)} if seed.read_attributes else {}),
    }


def _add_user(seed: SeedUser, pool: CognitoIdpUserPool, service: UserPoolService) -> None:
    """Create the user with the `sub` of the seed, its group memberships and its TOTP secret."""
    # If users sign in with an email address or phone number, Cognito generates the username: it equals the sub.
    username = seed.sub if pool.extended_config["UsernameAttributes"] else seed.username
    email = {"email": seed.email, "email_verified": str(seed.email_verified).lower()} if seed.email else {}
    values = {"sub": seed.sub, **email, **seed.attributes}
    attributes = [{"Name": name, "Value": value} for name, value in values.items()]
    moto_user = CognitoIdpUser(pool.id, username, seed.password or None, UserStatus[seed.status], attributes)
    moto_user.id = seed.sub
    moto_user.update_attributes([{"Name": "sub", "Value": seed.sub}])  # it is not in the table yet
    moto_user.enabled = seed.enabled
    pool.users[username] = moto_user
    for name in seed.groups:
        service.pools.backend_of(pool).admin_add_user_to_group(pool.id, name, username)
    if seed.totp_secret:
        moto_user.token_verified = moto_user.software_token_mfa_enabled = True
        moto_user.preferred_mfa_setting = "SOFTWARE_TOKEN_MFA"
        service.totp.keep(service.pools.to_user(moto_user), seed.totp_secret)
