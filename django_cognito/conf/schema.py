"""What `COGNITO` says, as typed, frozen values. Pure: checks nothing that a type cannot say, and reaches nothing.

A value is what holds for one alias of POOLS: its own keys, and the site's for the rest. A site without POOLS has one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

from ..core import TokenUse, UserPool
from .rules import RULES

COGNITO_GROUPS = "cognito:groups"


@dataclass(frozen=True, slots=True)
class GroupGrant:
    """What one Cognito group gives here."""

    groups: tuple[str, ...] = ()  # Django groups, by name
    permissions: frozenset[str] = frozenset()  # "app_label.codename"
    staff: bool = False
    superuser: bool = False


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A way to sign in: one of the pool's identity providers, by its name there or by an identifier of it."""

    name: str = ""  # "COGNITO" is the pool's own directory
    idp_identifier: str = ""
    label: str = ""  # what its button says; empty: what the provider is called
    domains: tuple[str, ...] = ()  # of e-mail addresses whose people sign in there, in lower case

    @property
    def authorize_params(self) -> dict[str, str]:
        """The parameters of an authorization request that lead to this provider."""
        if self.idp_identifier:
            return {"idp_identifier": self.idp_identifier}
        return {"identity_provider": self.name}


@dataclass(frozen=True, slots=True, eq=False)
class CognitoSettings:
    """Every setting, typed; the key in `COGNITO`, or in one of its POOLS, is the field's name in capitals."""

    user_pool_id: str
    client_id: str  # the app client of this site's own login
    client_secret: str | Callable[[], str] = field(default="", repr=False)  # of a confidential client
    client_ids: tuple[str, ...] = ()  # accepted on API requests; empty: CLIENT_ID alone
    domain: str = ""  # the hosted UI's host or origin; needed for logins
    issuer: tuple[str, ...] = ()  # one or several; empty: derived from the pool id
    jwks_uri: str = ""
    endpoint_url: str = ""  # of the AWS API
    identity_pool_id: str = ""  # for request.cognito.aws
    logins_key: str = ""  # the pool's name at the identity pool; empty: derived from the pool id, whatever the issuer

    token_use: TokenUse = "access"  # what API requests carry
    leeway_seconds: float = 10  # for clocks that differ; at most 60
    token_max_bytes: int = 16_384  # ten times Cognito's usual; cheap to refuse beyond
    token_cache_size: int = 1_000  # known tokens, which are not verified twice; 2 to 4 KB each, a worker; 0: none
    resource: str = ""  # this API (RFC 8707): the `aud` that people's access tokens must then carry
    jwks_max_age_seconds: int = 3_600  # older keys are refreshed, and serve meanwhile
    jwks_hard_max_age_seconds: int = 86_400  # through an outage the last good keys serve this long
    http_timeout_seconds: float = 3  # for a whole call, whatever drips; the token endpoint has its own
    token_timeout_seconds: float = 15  # of the token endpoint: Cognito calls a trigger up to 3 times, 5 s each

    create_users: bool = True  # a first token makes its user
    username: str = "username"  # the claim that names a new user; "username": Cognito's own, of either token
    attributes: Mapping[str, str] = field(  # Django field <- claim
        default_factory=lambda: {"email": "email", "first_name": "given_name", "last_name": "family_name"}
    )
    profile_source: str = "id_token"  # what a login's ATTRIBUTES are taken from: "id_token" or "userinfo"
    link_by_verified_email: bool = False  # an existing account, never a staff one, by an e-mail that Cognito verified
    linking_keeps_password: bool = False  # an account linked by email keeps its local password
    linking_max_age_seconds: int | None = None  # how long ago a user who links or unlinks may have signed in; None: any
    user_cache_seconds: float = 0  # how old a known token's user may be, by what other processes changed; 0: none kept

    groups_claim: str = COGNITO_GROUPS  # the claim that names a person's groups
    groups: Mapping[str, GroupGrant] = field(default_factory=dict)  # Cognito group -> what it gives
    mirror_groups: bool = False  # every Cognito group is also a Django group of that name, after `mirror_prefix`
    scopes_to_permissions: Mapping[str, frozenset[str]] = field(default_factory=dict)  # a machine's scope -> rights
    remembered_groups_seconds: int | None = 2_592_000  # groups not confirmed for longer give nothing; None: off

    scopes: tuple[str, ...] = ("openid", "email", "profile")
    redirect_uri: str = ""  # empty: the callback on the host that ALLOWED_HOSTS let through
    logout_uri: str = ""  # empty: LOGOUT_REDIRECT_URL, or "/", on that host
    refresh_margin_seconds: int = 60  # tokens are refreshed this long before they expire
    refresh_grace_seconds: int = 60  # RetryGracePeriodSeconds of the app client, if it rotates refresh tokens
    session_grace_seconds: int = 3_600  # past expiry, in an outage: how long a user stays signed in
    identity_providers: tuple[IdentityProvider, ...] = ()  # buttons; given, no other one may be asked for
    pool_resolver: Callable[[Any], str] | str = ""  # of a request: the alias to sign in at; empty: the first
    tokens_of_other_pools: str = "reject"  # with POOL_RESOLVER, at a host of another pool: "reject" or "allow"
    silent_sign_in: bool = False  # a page may ask whether somebody is signed in at Cognito already
    admin_local_password: bool = False  # break-glass: the admin's own form stays, for when Cognito is out of reach
    redirect_hosts: tuple[str, ...] = ()  # hosts besides the site's own that `next` may name

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
        )
        object.__setattr__(self, "user_pool", pool)
        # The original issuer without its scheme, also where the issuer is the updated one: no other form is known.
        key = self.logins_key or pool.issuer_forms[0].removeprefix("https://")
        object.__setattr__(self, "logins_key", key)

    @property
    def refresh_lease_seconds(self) -> float:
        """For how long one request alone may refresh a login; if its process dies, another one may do so after it.

        One attempt at the token endpoint, and 5 s to fetch the keys and to store the tokens.
        """
        return self.token_timeout_seconds + 5


@dataclass(frozen=True, slots=True, eq=False)
class Pools:
    """The settings of every alias, in the order of POOLS, and which of them speak of a token."""

    by_alias: Mapping[str, CognitoSettings]
    first: CognitoSettings = field(init=False)
    user_pools: tuple[UserPool, ...] = field(init=False)  # each once, with the clients of all its aliases
    _by_client: Mapping[tuple[str, str], CognitoSettings] = field(init=False)

    def __post_init__(self) -> None:
        every = tuple(self.by_alias.values())
        put = partial(object.__setattr__, self)
        put("first", every[0])
        put("_by_client", {key: each for each in reversed(every) for key in _answers_for(each)})
        pools = by_pool(every).values()
        put("user_pools", tuple(_merged([each.user_pool for each in same]) for same in pools))
        for same in pools if len(pools) > 1 else ():
            for each in same:
                # The first alias, for all aliases of a pool: its users are the same, whichever client they use.
                object.__setattr__(each, "mirror_prefix", f"{same[0].alias}:")

    def of(self, user_pool_id: str, client_id: str = "") -> CognitoSettings | None:
        """What holds for a token of that pool and client; of a client that no alias names, the pool's first alias.

        None for a pool that is not configured, as one that a row from earlier names.
        """
        found = self.accepting(user_pool_id, client_id)
        return found if found is not None else self._by_client.get((user_pool_id, ""))

    def accepting(self, user_pool_id: str, client_id: str) -> CognitoSettings | None:
        """What holds where that very client of that pool is accepted; None where no alias does so."""
        return self._by_client.get((user_pool_id, client_id))


def _answers_for(found: CognitoSettings) -> Iterator[tuple[str, str]]:
    for client_id in ("", found.client_id, *found.user_pool.client_ids):
        yield found.user_pool_id, client_id


def by_pool(every: Iterable[CognitoSettings]) -> dict[str, list[CognitoSettings]]:
    """The settings of all aliases, by the id of the user pool that they are about."""
    pools: dict[str, list[CognitoSettings]] = {}
    for each in every:
        pools.setdefault(each.user_pool_id, []).append(each)
    return pools


def _merged(same: Sequence[UserPool]) -> UserPool:
    """One pool that several aliases share, with the clients of all."""
    client_ids = tuple(dict.fromkeys(client_id for pool in same for client_id in pool.client_ids))
    return same[0] if client_ids == same[0].client_ids else replace(same[0], client_ids=client_ids)


def pools_of(value: Mapping[Any, Any]) -> Pools:
    """The settings that `value`, in which `problems` found nothing wrong, stands for.

    Raises ValueError where a pool cannot be: see `UserPool`.
    """
    pools = value.get("POOLS")
    if pools is None:
        return Pools({"default": _one(value)})
    return Pools({alias: _one({**value, **given}, alias) for alias, given in pools.items()})


def _one(value: Mapping[Any, Any], alias: str = "default") -> CognitoSettings:
    names = [item.name for item in fields(CognitoSettings) if item.name.upper() in RULES]
    given = {name: value[name.upper()] for name in names if name.upper() in value}
    for name in ("client_ids", "scopes", "redirect_hosts", "issuer"):
        if name in given:
            given[name] = (given[name],) if isinstance(given[name], str) and given[name] else tuple(given[name])
    if "groups" in given:
        given["groups"] = {name: _grant(grant) for name, grant in given["groups"].items()}
    if "identity_providers" in given:
        given["identity_providers"] = tuple(map(_provider, given["identity_providers"]))
    if "scopes_to_permissions" in given:
        scopes = given["scopes_to_permissions"]
        given["scopes_to_permissions"] = {name: frozenset(permissions) for name, permissions in scopes.items()}
    return CognitoSettings(**given, alias=alias)


def _provider(given: str | Mapping[str, Any]) -> IdentityProvider:
    if isinstance(given, str):
        return IdentityProvider(given)
    domains = tuple(domain.lower() for domain in given.get("domains", ()))
    return IdentityProvider(given.get("name", ""), given.get("idp_identifier", ""), given.get("label", ""), domains)


def _grant(grant: Mapping[str, Any]) -> GroupGrant:
    return GroupGrant(
        groups=tuple(grant.get("groups", ())),
        permissions=frozenset(grant.get("permissions", ())),
        staff=grant.get("staff", False),
        superuser=grant.get("superuser", False),
    )
