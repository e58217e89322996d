"""Read the claims of a user from tokens, userInfo or the directory.

Must not do I/O or read the clock.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ...authorization import group_mapping as cognito_groups
from ...conf.claim_scopes import ATTRIBUTE_SCOPES
from ...conf.schema import COGNITO_GROUPS, CognitoSettings
from ...core import AccessToken, IdToken
from ...core.directory import DirectoryUser
from .claim_values import (
    copy_claims,
    find_complete_scopes,
    find_id_token_scopes,
    get_preferred_username,
    map_claims,
    read_verified,
    without_nul,
)


class Source(NamedTuple):
    """The claims of one source at one moment. `attributes` has the mapped claims that are present, by Django field.

    A value is None if the source is complete and has no such claim: the field is cleared if a claim had set it.
    `attributes` also has the claims that set no field by themselves (USERNAME, `UserAdapter.claims`), by "claim:" and
    their name.
    """

    digest_field: str  # the field of the link row for the last digest of this kind of source; empty: groups alone
    moment: datetime
    groups: tuple[str, ...] | None  # None: the source does not contain groups
    attributes: Mapping[str, Any]
    verified: Mapping[str, bool] = {}  # by field, for CONTACT_CLAIMS: whether Cognito verified the value
    unread_groups: Collection[str] = ()  # of which the source states nothing: the stored ones stay


class DirectoryGroups(NamedTuple):
    """The groups of a directory user, when they were read, and the groups of the pool whose members were not read."""

    names: Sequence[str]
    moment: datetime
    unread: Collection[str] = ()


class ApiProfile(NamedTuple):
    """Cognito's answer about the user of an access token, for API_PROFILE_SOURCE."""

    moment: datetime = datetime.fromtimestamp(0, UTC)  # of the request
    claims: Mapping[str, Any] | None = None  # all attributes; None if there is no answer
    digest_field: str = ""  # as in Source
    rejection: str = ""  # an error code if Cognito states that the user or the sign-in is not valid any more
    failure: str = ""  # an error code if there is no answer

    def __repr__(self) -> str:
        # Without claims, as above.
        return f"<ApiProfile moment={self.moment:%H:%M:%S} rejection={self.rejection} failure={self.failure}>"

    @property
    def verified_email(self) -> str:
        """The email address if Cognito verified it; otherwise empty."""
        claims = self.claims or {}
        return without_nul(claims.get("email", "")) if claims.get("email_verified") == "true" else ""


class IdentityClaims(NamedTuple):
    """A Cognito user and the claims about them: of one source, or of an access token and then its ID token."""

    user_pool_id: str
    sub: str
    username: str
    sources: tuple[Source, ...]
    preferred_username: str = ""  # the claim USERNAME, for a new user; empty if no source contains it
    verified_email: str = ""
    claim_sets: tuple[Mapping[str, Any], ...] = ()  # all claims of each source
    listed_digest: str = ""  # of the whole entry, if a run of `cognito_sync` has listed it

    def __repr__(self) -> str:
        # Without claims: error reports show the values of variables.
        return f"<IdentityClaims sub={self.sub} pool={self.user_pool_id}>"

    @property
    def claims(self) -> dict[str, Any]:
        """A copy of all claims: of the access token, the ID token and userInfo, the last of which counts.

        Values that contain NUL, which PostgreSQL rejects, are left out.
        """
        return copy_claims({name: value for claims in self.claim_sets for name, value in claims.items()})


def claims_from_tokens(
    token: AccessToken | IdToken,
    profile: IdToken | None,
    settings: CognitoSettings,
    user_info: Mapping[str, Any] | None = None,
    api_profile: ApiProfile | None = None,
) -> IdentityClaims:
    """Return the claims of a token, of its ID token `profile`, and of what was requested with the token.

    That is the userInfo response of a sign-in, or the `api_profile` of an API request: it clears no claim of `token`.
    """
    id_token = token if isinstance(token, IdToken) else profile
    tokens = (token,) if id_token is None or id_token is token else (token, id_token)
    sources: list[Source] = []
    for item in tokens:
        sources.append(_build_token_source(item, token.scopes, settings, sources))
    claim_sets = [item.claims for item in tokens]
    if user_info is not None:
        attributes = map_claims(user_info, settings, find_complete_scopes(user_info, token.scopes))
        sources.append(_build_profile("user_info_digest", token.issued_at, user_info, attributes, settings))
        claim_sets.append(user_info)
    if api_profile is not None and api_profile.claims is not None:
        claims, digest_field = api_profile.claims, api_profile.digest_field
        attributes = map_claims(claims, settings, ATTRIBUTE_SCOPES, sources[0].attributes)
        sources.append(_build_profile(digest_field, api_profile.moment, claims, attributes, settings))
        claim_sets.append(claims)
    email = without_nul(id_token.email) if id_token and id_token.email_verified else ""
    return IdentityClaims(
        user_pool_id=token.user_pool_id,
        sub=token.sub,
        username=token.username,
        sources=tuple(sources),
        preferred_username=get_preferred_username(settings, *claim_sets),
        verified_email=email or (api_profile.verified_email if api_profile else ""),
        claim_sets=tuple(claim_sets),
    )


def _build_token_source(
    token: AccessToken | IdToken, scopes: Collection[str], settings: CognitoSettings, earlier: Sequence[Source]
) -> Source:
    """Return the claims of a token. `scopes` are those of the sign-in, `earlier` is the source of its access token."""
    is_id = isinstance(token, IdToken)
    groups = cognito_groups.groups_from_token(token, settings)
    attributes: dict[str, Any] = {}
    # If GROUPS_CLAIM is not Cognito's own, an access token without that claim provides no attributes either.
    if groups is not None and settings.profile_source == "id_token":
        complete = find_id_token_scopes(token.claims, scopes) if is_id else ()
        # A claim that a trigger adds to the access token only is not missing.
        attributes = map_claims(token.claims, settings, complete, earlier[0].attributes if earlier else ())
    verified = read_verified(attributes, token.claims, settings)
    return Source("id_digest" if is_id else "access_digest", token.issued_at, groups, attributes, verified)


def _build_profile(
    digest_field: str, moment: datetime, claims: Mapping[str, Any], mapped: Mapping[str, Any], settings: CognitoSettings
) -> Source:
    """Return the source of attributes that were requested at `moment`, which is rounded down: as those of tokens."""
    verified = read_verified(mapped, claims, settings)
    return Source(digest_field, moment.replace(microsecond=0), None, mapped, verified)


def claims_from_directory(
    user: DirectoryUser,
    groups: Sequence[str] | DirectoryGroups | None,
    moment: datetime,
    settings: CognitoSettings,
    listed_digest: str = "",
) -> IdentityClaims:
    """Return the claims of a directory user, read at `moment`.

    `groups` are None if they were not read, and `DirectoryGroups` if they were read at another moment. `listed_digest`
    is as in IdentityClaims.
    """
    verified = user.attributes.get("email_verified") == "true"
    is_other_claim = settings.groups_claim != COGNITO_GROUPS
    # A claim that a trigger adds to tokens is no attribute: the directory states nothing about it.
    is_attribute = settings.groups_claim.startswith("custom:") or settings.groups_claim in user.attributes
    attributes = map_claims(user.attributes, settings, ATTRIBUTE_SCOPES)
    profile = _build_profile("directory_digest", moment, user.attributes, attributes, settings)
    sources = [profile]
    if isinstance(groups, DirectoryGroups) and not is_other_claim:
        names = cognito_groups.groups_from_directory(groups.names, user.attributes, settings)
        sources = [Source("", groups.moment.replace(microsecond=0), names, {}, unread_groups=groups.unread), profile]
    elif is_attribute or (groups is not None and not is_other_claim):
        listed = () if groups is None or isinstance(groups, DirectoryGroups) else groups
        names = cognito_groups.groups_from_directory(listed, user.attributes, settings)
        sources = [profile._replace(groups=names)]
    return IdentityClaims(
        user_pool_id=settings.user_pool_id,
        sub=user.sub,
        username=user.username,
        sources=tuple(sources),
        preferred_username=get_preferred_username(settings, user.attributes),
        verified_email=without_nul(user.attributes.get("email", "")) if verified else "",
        claim_sets=({**user.attributes, "sub": user.sub, "cognito:username": user.username},),
        listed_digest=listed_digest,
    )
