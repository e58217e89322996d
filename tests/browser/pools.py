"""The local Cognito of the browser tests: two pools, the first with external identity providers."""

from typing import Any

from local_cognito import Emulator
from local_cognito_support.hosted_site import PASSWORD, TOTP_SECRET

from tests.support.local_cognito import POOL_ID, SCOPES, seed_for, settings_for

UMBRELLA_POOL = "us-east-1_Umbrella1"
ALL_SCOPES = [*SCOPES, "aws.cognito.signin.user.admin"]
CHOICES = ["COGNITO", {"name": "Acme", "label": "Acme Ltd", "domains": ["acme.example"]}]
_MAPPING = {"email": "email", "email_verified": "email_verified", "given_name": "given_name"}


def seed(site: str, provider: str, other_app: str) -> dict[str, Any]:
    """Return the seed for the site at the origin `site`, another app, and the OpenID provider `provider`."""
    urls = {"callback_urls": [f"{site}/auth/callback/"], "logout_urls": [f"{site}/"], "scopes": ALL_SCOPES}
    (pool,) = seed_for(site)["pools"]
    own_client = next(client for client in pool["clients"] if client["id"] == "1public")
    own_client.update(scopes=ALL_SCOPES, name="Journeys", identity_providers=["COGNITO", "Acme", "Gone"])
    pool["clients"].append({"id": "5elsewhere", "callback_urls": [other_app], "scopes": SCOPES})
    pool["groups"] = [{"name": "admins"}]
    pool["users"] += [_user("carol", groups=["admins"]), _user("dave", totp_secret=TOTP_SECRET)]
    pool["mfa"] = "optional"
    # Nothing listens on port 1.
    pool["identity_providers"] = [_provider("Acme", provider), _provider("Gone", "http://localhost:1")]
    umbrella = {
        "id": UMBRELLA_POOL,
        "clients": [{"id": "1umbrella", "name": "Umbrella", **urls}],
        "users": [_user("alice")],
    }
    return {"pools": [pool, umbrella]}


def settings_of_tenants(cognito: Emulator) -> dict[str, Any]:
    """Return the settings of a site with two tenants, each with its own pool; the session names the tenant."""
    acme = {name: value for name, value in settings_for(cognito).items() if value}
    timeout = {"HTTP_TIMEOUT_SECONDS": acme.pop("HTTP_TIMEOUT_SECONDS")}  # the site's own, not a pool's
    umbrella = {
        "USER_POOL_ID": UMBRELLA_POOL,
        "CLIENT_ID": "1umbrella",
        "ISSUER": cognito.issuer(UMBRELLA_POOL),
        "DOMAIN": cognito.domain,
    }
    pools = {"acme": {**acme, "IDENTITY_PROVIDERS": CHOICES}, "umbrella": umbrella}
    # The tenants share one host, and a sign-in as another user flushes the session that names the tenant.
    resolver = {"POOL_RESOLVER": "tests.browser.journey_site.tenant_of", "TOKENS_OF_OTHER_POOLS": "allow"}
    return {"POOLS": pools, **resolver, **timeout}


def sub_of(cognito: Emulator, pool_id: str, username: str) -> str:
    """Return the `sub` claim of a user."""
    user = cognito.service.pools.find_moto_user(pool_id, username)
    assert user is not None
    return str(user.id)


def _user(username: str, **more: Any) -> dict[str, Any]:
    email = {"email": f"{username}@example.com", "email_verified": True}
    return {"username": username, "password": PASSWORD, **email, **more}


def _provider(name: str, issuer: str) -> dict[str, Any]:
    common = {"client_id": "cognito-here", "client_secret": "a provider's secret", "attribute_mapping": _MAPPING}
    return {"name": name, "oidc_issuer": issuer, "authorize_scopes": "openid email profile", **common}


__all__ = ["ALL_SCOPES", "CHOICES", "POOL_ID", "UMBRELLA_POOL", "seed", "settings_of_tenants", "sub_of"]
