"""The keys of the setting `COGNITO`: one declaration for each, with its type.

A new setting is one field of `CognitoSettings`. Validation (`validation.py`), the keys that POOLS may override and the
table in docs/reference.md come from these declarations. No I/O; must not depend on requests or models.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

from ..core import TokenUse, UserPool
from ..core.identity_pool import is_identity_pool_id
from .validators import (
    BOOLEAN,
    HOST_LIST,
    PERMISSION_LIST,
    TEXT,
    TEXT_LIST,
    TEXT_OR_EMPTY,
    TOKEN_SOURCES,
    URL_OR_EMPTY,
    Validator,
    is_client_ip,
    is_host_name_list,
    is_identity_provider,
    is_idp_initiated,
    is_permission_list,
    is_secret,
    is_secret_arn_or_empty,
    is_tenant_source,
    is_text,
    is_text_list,
    is_text_or_empty,
    is_token_sources,
    is_token_use,
    number_between,
    number_between_or_none,
    one_of,
)

COGNITO_GROUPS = "cognito:groups"
DEFAULT_ATTRIBUTES = {"email": "email", "first_name": "given_name", "last_name": "family_name"}
DEFAULT_API_PROFILE_SECONDS = 3_600
# Who may set a key: the site for all pools ("site"); also an alias of POOLS, for its user pool ("pool") or for its app
# client ("client"). Aliases that share a user pool must agree on the keys of the pool.
Scope = Literal["site", "pool", "client"]
_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class GroupGrant:
    """What one Cognito group grants."""

    groups: tuple[str, ...] = ()  # names of Django groups
    permissions: frozenset[str] = frozenset()  # "app_label.codename"
    staff: bool = False
    superuser: bool = False


# The keys of an entry of GROUPS: the fields of `GroupGrant`.
GRANT_VALIDATORS: Mapping[str, Validator] = {
    "groups": Validator(is_text_list, "a list of Django group names"),
    "permissions": PERMISSION_LIST,
    "staff": BOOLEAN,
    "superuser": BOOLEAN,
}
# The keys of an entry of TENANT_GROUPS: the other grants are stored on the user, who has one row for all tenants.
TENANT_GRANT_VALIDATORS: Mapping[str, Validator] = {"permissions": PERMISSION_LIST}


@dataclass(frozen=True, slots=True)
class TenantSource:
    """What states the tenants of a user: exactly one of `claim`, `group_prefix` and `function`.

    `function` takes a verified token and returns a tenant or None. `selector` takes the request and the names of the
    user's tenants, and returns one of them or None.
    """

    claim: str = ""
    group_prefix: str = ""  # ends with the separator of the names of groups
    function: Callable[[Any], Any] | str = ""
    selector: Callable[[Any, tuple[str, ...]], Any] | str = ""


# A source of ATTRIBUTES: the name of a claim, a dotted path, or a function of the claims.
ClaimSource = str | Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An identity provider of the pool, by its name or by one of its identifiers."""

    name: str = ""  # "COGNITO" is the pool's own directory
    idp_identifier: str = ""
    label: str = ""  # the text of its button; empty: its name
    domains: tuple[str, ...] = ()  # domains of e-mail addresses, in lower case, whose users sign in there

    @property
    def authorize_params(self) -> dict[str, str]:
        """The parameters of an authorization request that select this provider."""
        if self.idp_identifier:
            return {"idp_identifier": self.idp_identifier}
        return {"identity_provider": self.name}


@dataclass(frozen=True, slots=True)
class IdpInitiatedRule:
    """The sign-in of this site that replaces one that began at the identity provider. `prompt` may be empty."""

    provider: str
    prompt: str = "login"

    @property
    def authorize_params(self) -> dict[str, str]:
        """The parameters of the authorization request."""
        return {"identity_provider": self.provider, **({"prompt": self.prompt} if self.prompt else {})}


class Declaration(NamedTuple):
    """One key of `COGNITO`. `default` and `documentation` are Markdown for the reference."""

    key: str
    validator: Validator
    scope: Scope
    default: str
    documentation: str
    is_required: bool
    convert: Callable[[Any], Any]


def _text_tuple(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) and value else tuple(value)


def _token_use(value: TokenUse | Sequence[TokenUse]) -> TokenUse | None:
    """Return the one accepted token use; None if both are accepted, as in `TokenVerifier`."""
    if isinstance(value, str):
        return value
    return value[0] if len(value) == 1 else None


def _group_grants(value: Mapping[str, Mapping[str, Any]]) -> dict[str, GroupGrant]:
    return {
        name: GroupGrant(
            groups=tuple(grant.get("groups", ())),
            permissions=frozenset(grant.get("permissions", ())),
            staff=grant.get("staff", False),
            superuser=grant.get("superuser", False),
        )
        for name, grant in value.items()
    }


def _identity_providers(value: Sequence[str | Mapping[str, Any]]) -> tuple[IdentityProvider, ...]:
    return tuple(
        IdentityProvider(item)
        if isinstance(item, str)
        else IdentityProvider(**{**item, "domains": tuple(domain.lower() for domain in item.get("domains", ()))})
        for item in value
    )


def _idp_initiated_rules(value: Mapping[str, str | Mapping[str, str]]) -> dict[str, IdpInitiatedRule]:
    return {
        host.lower(): IdpInitiatedRule(rule) if isinstance(rule, str) else IdpInitiatedRule(**rule)
        for host, rule in value.items()
    }


def _same(value: Any) -> Any:
    return value


def _setting(
    default: Any,
    validator: Validator,
    documentation: str,
    *,
    scope: Scope = "site",
    convert: Callable[[Any], Any] = _same,
    shown_default: str = "",
    repr: bool = True,
) -> Any:
    """Return a field of `CognitoSettings` that declares a setting; the key is the name of the field in capitals.

    `convert` builds the typed value from a valid one. `shown_default` replaces the default in the reference.
    """
    is_required = default is _REQUIRED
    if is_required:
        shown_default = "required"
    elif not shown_default:
        shown = json.dumps(default) if isinstance(default, str | tuple | dict) else str(default)
        shown_default = shown if isinstance(default, int | float) and not isinstance(default, bool) else f"`{shown}`"
    metadata = {"setting": Declaration("", validator, scope, shown_default, documentation, is_required, convert)}
    if is_required:
        return field(metadata=metadata)
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata, repr=repr)


@dataclass(frozen=True, slots=True, eq=False)
class CognitoSettings:
    """The settings of one alias of POOLS: its own keys, and the site's for the rest. A site without POOLS has one."""

    user_pool_id: str = _setting(
        _REQUIRED,
        TEXT,
        "the user pool, for example `eu-west-1_AbCdEfGhI`; the part before the underscore is its region",
        scope="pool",
    )
    client_id: str = _setting(_REQUIRED, TEXT, "the app client of this site's login", scope="client")
    client_secret: str | Callable[[], str] = _setting(
        "",
        Validator(is_secret, "a string, or a function without arguments that returns one"),
        "the client secret: a string, or a function without arguments that returns it, for"
        " [secrets that rotate](rotating-secrets.md). The function is called on first use, and"
        " again if Cognito rejects the secret, at most once per 60 seconds and process. A `SimpleLazyObject` is"
        " evaluated once, on first use. Empty: a public client, whose login is protected by PKCE only",
        scope="client",
        repr=False,
    )
    client_secret_arn: str = _setting(
        "",
        Validator(
            is_secret_arn_or_empty,
            "the ARN of a secret in AWS Secrets Manager, such as"
            " 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:the-name-AbCdEf'",
        ),
        "instead of `CLIENT_SECRET`: the ARN of the secret that Cognito"
        " [publishes in AWS Secrets Manager and rotates](rotating-secrets.md). It is read by boto3 (extra `aws`), on"
        " first use and again if Cognito rejects the secret",
        scope="client",
    )
    client_ids: tuple[str, ...] = _setting(
        (),
        TEXT_LIST,
        "the app clients whose tokens API requests may have; replaces the default, so include `CLIENT_ID`",
        scope="client",
        convert=_text_tuple,
        shown_default="`[CLIENT_ID]`",
    )
    domain: str = _setting(
        "",
        TEXT_OR_EMPTY,
        "the hosted UI: a host (`login.example.com`) or an origin (`http://localhost:9229`); required for logins",
        scope="client",
    )
    issuer: tuple[str, ...] = _setting(
        (),
        Validator(lambda value: is_text_or_empty(value) or is_text_list(value), "one issuer, or a list of issuers"),
        "the exact `iss` of tokens: one issuer or a list (Cognito has two forms)",
        scope="pool",
        convert=_text_tuple,
        shown_default="from the pool id",
    )
    jwks_uri: str = _setting(
        "", TEXT_OR_EMPTY, "the URL of the pool's public keys", scope="pool", shown_default="from the issuer"
    )
    endpoint_url: str = _setting(
        "",
        TEXT_OR_EMPTY,
        "the URL of the AWS API, if it is not AWS's own",
        scope="pool",
        shown_default="from the region",
    )
    identity_pool_id: str = _setting(
        "",
        Validator(
            lambda value: value == "" or (is_text(value) and is_identity_pool_id(value)),
            "an identity pool id such as 'eu-west-1:12345678-90ab-cdef-1234-567890abcdef'",
        ),
        "the identity pool of [`request.cognito.aws`](aws.md), for example `eu-west-1:1a2b3c4d-...`",
        scope="pool",
    )
    logins_key: str = _setting(
        "",
        TEXT_OR_EMPTY,
        "the name of the user pool at the identity pool, `cognito-idp.{region}.amazonaws.com/{pool id}`, independent of"
        " the issuer",
        scope="pool",
        shown_default="from the pool id",
    )

    token_use: TokenUse | None = _setting(  # None: both
        "access",
        Validator(is_token_use, "'access', 'id' or ['access', 'id']"),
        'the type of token that API requests must have: `"access"`, `"id"`, or `["access", "id"]` for'
        " [either](requests.md#access-tokens-and-id-tokens)",
        convert=_token_use,
    )
    token_sources: tuple[str, ...] = _setting(
        ("Authorization",),
        Validator(
            is_token_sources,
            "a list of 'Authorization' and 'X-Amzn-Oidc-Accesstoken'. A load balancer signs X-Amzn-Oidc-Data with a key"
            " of its own: it is not a token of the user pool, and names no app client of it. Browsers send cookies with"
            " requests of other sites, and subdomains can set them: tokens in cookies are not accepted",
        ),
        'the headers that may contain the token; the first that does decides. Add `"X-Amzn-Oidc-Accesstoken"` only'
        " [behind an AWS load balancer](deployment.md#behind-an-aws-load-balancer) that signs users in",
        convert=lambda value: tuple(TOKEN_SOURCES[name.lower()] for name in value),
    )
    leeway_seconds: float = _setting(10, number_between(0, 60), "tolerated difference between clocks; 0 to 60")
    token_max_bytes: int = _setting(
        16_384, number_between(1_024, 1_048_576, "bytes"), "longer tokens are rejected without parsing them"
    )
    resource: str = _setting(
        "",
        TEXT_OR_EMPTY,
        "the identifier of this API (RFC 8707), a complete URL. Access tokens of users must have it as `aud`, and a"
        " login requests it. Machine-to-machine tokens do not need it, because Cognito cannot bind them. After you set"
        " it, existing logins end with their next refresh",
        scope="pool",
    )
    docs_client_id: str = _setting(
        "",
        TEXT_OR_EMPTY,
        "the public app client of [Swagger UI](api-schema.md#sign-in-from-swagger-ui), which signs in with PKCE. It"
        " must be in `CLIENT_IDS`, and it has no client secret: a browser cannot keep one. With several pools, it is a"
        " client of the first",
    )
    token_cache_size: int = _setting(
        1_000,
        number_between(0, 1_000_000, "tokens"),
        "maximum number of verified tokens cached per process, 2 to 4 KB each. Tokens longer than 4096 characters are"
        " not cached. 0: no cache",
    )
    jwks_max_age_seconds: int = _setting(
        3_600,
        number_between(1, 604_800),
        "age at which keys are refreshed; a fetch in the background starts at four fifths of it. A key that has left"
        " the JWKS is rejected this long after a fetch has shown it",
    )
    jwks_hard_max_age_seconds: int = _setting(
        86_400, number_between(1, 2_592_000), "in an outage, cached keys are used up to this age; after it, 503"
    )
    http_timeout_seconds: float = _setting(
        3,
        number_between(0.1, 60),
        "timeout of a complete request to Cognito, from connecting to the last byte; not of the token endpoint",
    )
    # Cognito calls a trigger up to three times, 5 s each.
    token_timeout_seconds: float = _setting(
        15,
        number_between(0.1, 60),
        "timeout of a complete request to the token endpoint (code exchange and refresh). Cognito waits there for the"
        " Lambda triggers of the pool: up to three calls of 5 s each. A code and a rotated refresh token are used up"
        " even if the response is too late; 0.1 to 60",
    )
    max_refreshes: int = _setting(
        2,
        number_between(1, 1_000, "requests"),
        "how many requests of a process wait for Cognito at a time to [refresh](sessions.md) their logins. Each of them"
        " occupies a thread, and Cognito may be slow: at most half of the server's threads; with gevent, 100",
    )

    create_users: bool = _setting(
        True,
        BOOLEAN,
        "whether the first token of a user creates the Django user; otherwise code `user_unknown`",
        scope="pool",
    )
    username: str = _setting(
        "username",
        TEXT,
        'the claim for the username of a new user; `"username"` is Cognito\'s own, in access and ID tokens. A user'
        " whose first token has no such claim gets Cognito's username, which the first token with the claim replaces",
        scope="pool",
    )
    user_adapter: str = _setting(
        "",
        TEXT_OR_EMPTY,
        "the dotted path of a subclass of `django_cognito.users.UserAdapter`, which"
        " [decides about users](extending.md): who may be created, which existing user is linked, which fields a new"
        " user gets",
        scope="pool",
    )
    attributes: Mapping[str, ClaimSource] = _setting(
        DEFAULT_ATTRIBUTES,
        Validator(
            lambda value: (
                isinstance(value, Mapping)
                and all(is_text(name) and (is_text(source) or callable(source)) for name, source in value.items())
            ),
            "a dict from Django's field names to claim names, dotted paths or functions",
        ),
        "user field <- claim, [dotted path or function](custom-users.md#claims-and-fields). A key such as"
        ' `"profile.department"` is the field of a [profile model](custom-users.md#fields-of-a-profile-model). An'
        " attribute that was removed in Cognito [clears the field](custom-users.md#attributes-that-are-removed). An"
        " access token has few claims; the ID token of a login has the profile. An unverified `email` or `phone_number`"
        " never replaces a [verified one](linking.md#verified-addresses)",
        scope="pool",
        shown_default='`{"email": "email", "first_name": "given_name", "last_name": "family_name"}`, without the fields'
        " that the user model does not have",
    )
    keep_missing_attributes: tuple[str, ...] = _setting(
        (),
        TEXT_LIST,
        "keys of `ATTRIBUTES` whose field keeps its value if the attribute is missing in Cognito, for example"
        ' `["first_name", "last_name"]` for [users of Apple](custom-users.md#attributes-that-are-removed), which sends'
        " names once only",
        scope="pool",
        convert=_text_tuple,
    )
    profile_source: str = _setting(
        "id_token",
        one_of("id_token", "userinfo"),
        'the source of `ATTRIBUTES`: tokens, usually ID tokens, or `"userinfo"`: at a login, Cognito\'s userInfo only,'
        " which has attributes that are in no token. Its `sub` is compared with that of the tokens",
    )
    api_profile_source: str | None = _setting(
        None,
        Validator(lambda value: value in (None, "get_user", "directory"), "None, 'get_user' or 'directory'"),
        "the source of `ATTRIBUTES` for [API requests](custom-users.md#users-whose-first-request-is-an-api-request)"
        ' whose access token has none of them: `"get_user"` (Cognito\'s GetUser with that token, which needs the scope'
        ' `aws.cognito.signin.user.admin`) or `"directory"` (AdminGetUser with the credentials of the site, extra'
        " `aws`). Requested for a new user, and then at most once in `API_PROFILE_SECONDS`. Without an answer a new"
        " user is created without attributes; with `LINK_BY_VERIFIED_EMAIL` the response is 503. With"
        " `ATOMIC_REQUESTS`, DRF requests them inside the transaction of the view: use `non_atomic_requests` for views"
        " that must not keep it open. `None`: tokens only",
        scope="pool",
    )
    api_profile_seconds: float = _setting(
        DEFAULT_API_PROFILE_SECONDS,
        number_between(60, 2_592_000),
        "how old the attributes of a user may be before `API_PROFILE_SOURCE` is requested again; 60 to 2592000",
        scope="pool",
    )
    link_by_verified_email: bool = _setting(
        False,
        BOOLEAN,
        "whether a new user of the pool is linked to the one existing account with the same email: only if Cognito"
        " verified it, and never to a staff account or to one that has or had a link. The local password of the"
        " account becomes unusable, which ends its other sessions. With `API_PROFILE_SOURCE`, a new user is created or"
        " linked only after Cognito's answer",
        scope="pool",
    )
    linking_keeps_password: bool = _setting(
        False, BOOLEAN, "whether an account linked by email keeps its local password: its creator may know it"
    )
    linking_max_age_seconds: int | None = _setting(
        None,
        number_between_or_none(1, 31_536_000),
        "maximum age of the sign-in at Cognito (`auth_time`) of a user who links or unlinks an account. If it is"
        " older, or if the session has a local password: `sign_in_too_old`. `None`: no limit",
    )
    groups_claim: str = _setting(
        COGNITO_GROUPS,
        TEXT,
        "the claim with the user's groups; another one is an attribute of a"
        " [company directory](groups.md#groups-of-a-company-directory)",
        scope="pool",
    )
    user_cache_seconds: float = _setting(
        0,
        number_between(0, 3_600),
        "time for which the user of a cached token is [cached](deployment.md#a-user-cache). A change by another process"
        " may take this long to be visible. Up to 3600; 0: the user is loaded on each request",
    )

    groups: Mapping[str, GroupGrant] = _setting(
        {},
        Validator(lambda value: isinstance(value, Mapping), "a dict from Cognito's group names to their grants"),
        'Cognito group -> what it grants: `{"groups": [Django groups], "permissions": ["app.codename"],'
        ' "staff": bool, "superuser": bool}`',
        scope="pool",
        convert=_group_grants,
    )
    remembered_groups_seconds: int | None = _setting(
        2_592_000,
        number_between_or_none(60, 315_360_000),
        "groups that no token or directory call has confirmed for longer [expire](groups.md#age-of-remembered-groups),"
        " and their grants are removed. At least 60, and longer than tokens are valid. `None`: groups do not expire",
        shown_default="2592000 (30 days)",
    )
    mirror_groups: bool = _setting(
        False,
        BOOLEAN,
        "whether every Cognito group is also a Django group of that name. With several user pools its name is"
        " `<alias>:<group>`, with the pool's first alias",
        scope="pool",
    )
    keep_last_superuser: bool = _setting(
        False,
        BOOLEAN,
        "whether the [last active superuser](groups.md#the-last-superuser) keeps `is_superuser` and `is_staff` when the"
        " Cognito group that granted them is removed",
    )
    tenant: TenantSource | None = _setting(
        None,
        Validator(
            is_tenant_source,
            "None, or a dict with one of 'claim', 'group_prefix' (it ends with '/' or ':') and 'function', and perhaps"
            " 'selector'; functions may be dotted paths",
        ),
        "the source of a user's [tenants](organisations.md): one of `claim`, `group_prefix` and `function` (of the"
        ' verified token), for example `{"claim": "custom:tenant_id"}` or `{"group_prefix": "org/"}`. With `selector`,'
        " a function of the request and the user's tenants returns the one that counts; otherwise the only one does. A"
        " claim that users may write is not accepted (checks `E019`, `W138`)",
        scope="pool",
        convert=lambda value: value if value is None else TenantSource(**value),
    )
    tenant_groups: Mapping[str, GroupGrant] = _setting(
        {},
        Validator(lambda value: isinstance(value, Mapping), "a dict from names of groups to their permissions"),
        "group -> what it grants in the [tenant](organisations.md) of the request:"
        ' `{"permissions": ["app.codename"]}`. With the `group_prefix` `org/`, the entry `editors` is for the Cognito'
        " group `org/acme/editors` in the tenant `acme`; otherwise it is for the Cognito group `editors`",
        scope="pool",
        convert=_group_grants,
    )
    scopes_to_permissions: Mapping[str, frozenset[str]] = _setting(
        {},
        Validator(
            lambda value: isinstance(value, Mapping) and all(map(is_permission_list, value.values())),
            "a dict from scopes to lists of permissions such as 'notes.change_note'",
        ),
        'scope of a machine-to-machine client -> permissions: `{"orders/read": ["shop.view_order"]}`; scopes of users'
        " grant none",
        scope="pool",
        convert=lambda value: {scope: frozenset(permissions) for scope, permissions in value.items()},
    )
    service_users: Mapping[str, str] = _setting(
        {},
        Validator(
            lambda value: isinstance(value, Mapping) and all(is_text(item) for pair in value.items() for item in pair),
            "a dict from app client ids to usernames such as {'2machine3456789': 'importer'}",
        ),
        "machine-to-machine client -> the username of its [service user](machines.md#service-users), an existing user"
        ' of this site: `{"2machine3456789": "importer"}`. Tokens of a client whose user cannot be used are rejected'
        " (`service_user_rejected`). With several user pools, set it in `POOLS`",
        scope="pool",
    )

    scopes: tuple[str, ...] = _setting(
        ("openid", "email", "profile"),
        Validator(lambda value: is_text_list(value) and "openid" in value, "a list of scopes that includes 'openid'"),
        "the scopes that a login requests; `openid` is required",
        scope="client",
        convert=_text_tuple,
    )
    redirect_uri: str = _setting(
        "",
        URL_OR_EMPTY,
        "the URL to which the hosted UI redirects; by default the callback view on the request's host, which"
        " `ALLOWED_HOSTS` must allow. If it is on [another host](deployment.md#behind-a-proxy), the login redirects to"
        " that host first",
        scope="client",
        shown_default="from the request",
    )
    logout_uri: str = _setting(
        "",
        URL_OR_EMPTY,
        "the URL to which Cognito's `/logout` redirects; by default `LOGOUT_REDIRECT_URL`, or the site's root, on the"
        " request's host. Set it in production: it must be one of the app client's sign-out URLs",
        scope="client",
        shown_default="from the request",
    )
    refresh_margin_seconds: int = _setting(
        60, number_between(0, 3_600), "the tokens of a login are refreshed this long before they expire"
    )
    # AWS API reference, RefreshTokenRotationType: RetryGracePeriodSeconds is 0 to 60.
    refresh_grace_seconds: int = _setting(
        60,
        number_between(0, 60),
        "`RetryGracePeriodSeconds` of the app client, if it"
        " [rotates refresh tokens](deployment.md#refresh-token-rotation): the time for which Cognito accepts a replaced"
        " refresh token; 0 to 60. It must be longer than `TOKEN_TIMEOUT_SECONDS` + 5 (check `W114`)",
    )
    session_grace_seconds: int = _setting(
        3_600,
        number_between(0, 604_800),
        "how long after its tokens have expired a session stays signed in"
        " [while Cognito cannot be reached](requests.md#an-outage-past-expiry), if Cognito granted the user nothing;"
        " 0 to 604800",
    )
    session_idle_seconds: int | None = _setting(
        None,
        number_between_or_none(60, 31_536_000),
        "a login that no request has used for this long [ends](own-sign-ins.md#age-of-a-session); at least 60. A login"
        " may end up to a tenth of it early. `None`: no limit",
    )
    session_max_seconds: int | None = _setting(
        None,
        number_between_or_none(60, 315_360_000),
        "a login ends this long after its sign-in, however much it is used; at least 60. `None`: no limit",
    )
    remember_me_seconds: int | None = _setting(
        None,
        number_between_or_none(60, 315_360_000),
        "if set, a session ends with the browser, unless the user chose to be [remembered](own-sign-ins.md#remember-me)"
        ": then it ends this long after the sign-in, and at the latest after `SESSION_MAX_SECONDS`. `None`: Django's"
        " settings decide",
    )
    client_ip: str | int | Callable[[Any], Any] = _setting(
        "REMOTE_ADDR",
        Validator(
            is_client_ip,
            "'REMOTE_ADDR', a number of trusted proxies from 1 to 10, or a function that takes a request and returns"
            " an IP address, or its dotted path",
        ),
        'the source of the [IP address](own-sign-ins.md#ip-address) that is stored at a sign-in: `"REMOTE_ADDR"`, the'
        " number of trusted proxies that add to `X-Forwarded-For`, or a function (or its dotted path) that takes a"
        " request and returns an address or `None`",
    )
    identity_providers: tuple[IdentityProvider, ...] = _setting(
        (),
        Validator(
            lambda value: (
                isinstance(value, Sequence) and not isinstance(value, str) and all(map(is_identity_provider, value))
            ),
            "a list of names such as 'Google', or of dicts with 'name' or 'idp_identifier', 'label' and 'domains'",
        ),
        'the [buttons](signing-in.md#identity-providers): names (`"Google"`), or dicts with `name` or'
        " `idp_identifier`, `label` and `domains`. If set, a login accepts no other provider",
        scope="client",
        convert=_identity_providers,
    )
    idp_initiated: Mapping[str, IdpInitiatedRule] = _setting(
        {},
        Validator(
            is_idp_initiated,
            "a dict from hosts to a provider's name, or to {'provider': ..., 'prompt': ''}; prompt is 'login' or ''",
        ),
        "for sign-ins that [begin at the provider](signing-in.md#sign-in-that-begins-at-the-provider), as of"
        ' IdP-initiated SAML: host -> provider, or `{"provider": ..., "prompt": ""}`. On other hosts, such a sign-in is'
        " the error `state_missing`",
        convert=_idp_initiated_rules,
    )
    silent_sign_in: bool = _setting(
        False,
        BOOLEAN,
        "whether a page may check for a [session at Cognito](signing-in.md#silent-sign-in) without user interaction",
    )
    resubmit_forms: bool = _setting(
        True,
        BOOLEAN,
        "whether the response to a form that requires a sign-in first is a page that [sends it again](forms.md) after"
        " the sign-in. With `False` it is the redirect to the sign-in, and the fields are lost",
    )
    admin_local_password: bool = _setting(
        False,
        BOOLEAN,
        "emergency access: the password form of the [admin](admin.md#local-password) stays at `login/?local`",
    )
    pool_resolver: Callable[[Any], str] | str = _setting(
        "",
        Validator(
            lambda value: callable(value) or is_text_or_empty(value),
            "a function that takes a request and returns an alias of POOLS, or its dotted path",
        ),
        "a function, or its dotted path, that takes a request and returns the alias of `POOLS` for its login; by"
        " default the first alias",
    )
    tokens_of_other_pools: str = _setting(
        "reject",
        one_of("reject", "allow"),
        "with `POOL_RESOLVER`, a token or a login of another user pool than the request's:"
        ' `"reject"` (a token: 401 `wrong_issuer`; a session: anonymous) or'
        ' [`"allow"`](pools.md#tokens-and-logins-of-other-pools)',
    )
    cache: str = _setting(
        "default",
        TEXT,
        "the alias in `CACHES` of the cache in which all processes of the site share"
        " [revoked sign-ins](signing-out.md#revocation)",
    )
    without_cache: str = _setting(
        "allow",
        one_of("allow", "reject"),
        'while that cache does not respond: `"allow"` accepts tokens that no row of the database rejects; `"reject"`'
        " answers with 503 `revocation_unavailable`",
    )
    revocation_seconds: float = _setting(
        5,
        number_between(0.1, 300),
        "time after which every process of the site rejects a revoked token: each reads the cache once per token in"
        " this time; 0.1 to 300",
    )
    mirror_enabled: bool = _setting(
        False,
        BOOLEAN,
        "whether `is_active` of a user is removed when [Cognito reports](signing-out.md#users-disabled-in-cognito) the"
        " last of the user's links as disabled or deleted, and restored when one is enabled again",
        scope="pool",
    )
    redirect_hosts: tuple[str, ...] = _setting(
        (), HOST_LIST, "hosts, besides the site's own, to which `next` may redirect", convert=_text_tuple
    )
    insecure_hosts: tuple[str, ...] = _setting(
        (),
        Validator(is_host_name_list, "a list of host names such as 'cognito', without scheme, port or path"),
        "hosts, besides loopback ones, at which the URLs of a pool may be plain http, for example the local Cognito in"
        " [Docker Compose](docker-and-ci.md#a-host-name-of-a-container). They count with `DEBUG` only (check `W126`)",
        convert=lambda value: tuple(host.lower() for host in value),
    )

    # `django_cognito.datasets`
    datasets_max_count: int = _setting(
        20, number_between(1, 100_000, "datasets"), "maximum number of [datasets](datasets.md) of a user"
    )
    datasets_max_records: int = _setting(
        1_024,
        number_between(1, 10_000, "records"),
        "maximum number of records of a dataset, without deletions, and of a request",
    )
    datasets_max_bytes: int = _setting(
        1_048_576,
        number_between(1_024, 1_073_741_824, "bytes"),
        "maximum size of a dataset: its keys and its values as JSON in UTF-8. A request has at most twice as many"
        " bytes",
    )
    datasets_max_value_bytes: int = _setting(
        102_400, number_between(1, 1_073_741_824, "bytes"), "maximum size of one value as JSON in UTF-8"
    )
    datasets_max_writes: int = _setting(
        60, number_between(1, 1_000_000, "requests"), "maximum number of requests of a user per minute that write"
    )
    datasets_deletions_seconds: int = _setting(
        2_592_000,
        number_between(86_400, 315_360_000),
        "how long a deletion is kept for devices that are offline; at least a day. A device that was offline for longer"
        " reads the whole dataset again",
    )

    alias: str = "default"  # of POOLS
    mirror_prefix: str = field(default="", init=False)  # of mirrored groups, if the site has several user pools
    user_pool: UserPool = field(init=False)

    def __post_init__(self) -> None:
        pool = UserPool(
            self.user_pool_id,
            client_ids=self.client_ids or (self.client_id,),
            issuer=self.issuer,
            jwks_uri=self.jwks_uri,
            domain=self.domain,
            endpoint_url=self.endpoint_url,
            resource=self.resource,
            insecure_hosts=self.insecure_hosts,
        )
        object.__setattr__(self, "user_pool", pool)
        # The original issuer without its scheme, also if the issuer is the updated one: AWS documents no other form.
        key = self.logins_key or pool.issuer_forms[0].removeprefix("https://")
        object.__setattr__(self, "logins_key", key)

    @property
    def is_client_secret_set(self) -> bool:
        """Whether CLIENT_SECRET is set. A lazy object counts as set, and is not evaluated."""
        return type(self.client_secret) is not str or self.client_secret != ""

    @property
    def refresh_lease_seconds(self) -> float:
        """The time for which one request alone may refresh a login; if its process dies, another may do so after it.

        One attempt at the token endpoint, and 5 s to fetch the keys and to store the tokens.
        """
        return self.token_timeout_seconds + 5


POOLS = Declaration(
    "POOLS",
    Validator(
        lambda value: isinstance(value, Mapping) and len(value) > 0,
        "a non-empty dict from aliases to the settings of each",
    ),
    "site",
    "-",
    "[several pools](pools.md): alias -> its settings",
    is_required=False,
    convert=_same,
)
# Every key of `COGNITO`.
DECLARATIONS: Mapping[str, Declaration] = {
    item.name.upper(): item.metadata["setting"]._replace(key=item.name.upper())
    for item in fields(CognitoSettings)
    if "setting" in item.metadata
} | {POOLS.key: POOLS}


def keys_with_scope(*scopes: Scope) -> tuple[str, ...]:
    """Return the keys that these scopes may set."""
    return tuple(key for key, declaration in DECLARATIONS.items() if declaration.scope in scopes)
