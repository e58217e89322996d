"""The attributes of users whose access token has none: requested from Cognito by API_PROFILE_SOURCE.

No failure of Cognito rejects a token. The callers hold no lock and no transaction of this package during a request.
Must not depend on requests or sessions.
Source: AWS API reference, GetUser and AdminGetUser.
"""

import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ..authorization.confirmed_moments import read_confirmed_link
from ..conf.claim_scopes import API_SCOPE
from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..core import AccessToken, ClientToken, IdToken
from ..core.clock import unix_time, utc_now
from ..core.directory import is_throttled
from ..core.errors import CognitoError, CognitoUnavailableError, RevokedTokenError, TokenError
from ..core.tracebacks import clear_frame_locals
from ..factories import cached_instance, get_live_directory, get_user_pool_api
from ..models import CognitoUser
from .account_status import record_disabled, record_gone
from .accounts.adapter import may_link_accounts
from .attributes.claim_sources import ApiProfile, IdentityClaims
from .attributes.claim_values import list_profile_fields
from .attributes.source_digests import NO_ATTRIBUTES, read_digest
from .lookup import LinkSnapshot
from .pending_answers import PendingAnswers
from .revocation import DISABLED_CODE, build_rejection, revoke_token

_USER_PAUSE_SECONDS = 60.0  # after a failure, for this user
_NEW_USER_PAUSE_SECONDS = 5.0  # the same for a user without a link, who waits for the answer
_ANSWER_SECONDS = 60.0  # in which an answer about a user without a link is used again: the site may refuse the user
_POOL_PAUSE_SECONDS = 5.0  # after an outage, for all users of the pool
_WARNING_SECONDS = 3_600.0  # between two warnings about the scope of the tokens of one app client
_MAX_USERS = 10_000  # whose pauses a process stores; without them the link rows decide
_MAX_ANSWERS = 1_000  # about users without a link
# The fields of a link row for the sources of a profile.
_PROFILE_DIGESTS = ("id_digest", "user_info_digest", "directory_digest")
_GONE_CODE = "user_not_found_in_cognito"
NOT_REQUESTED = ApiProfile()  # of a caller that can request the attributes
NO_ANSWER = ApiProfile(failure=CognitoUnavailableError.code)

AnyToken = AccessToken | IdToken | ClientToken
_T = TypeVar("_T")

logger = logging.getLogger(__name__)
pending_requests: PendingAnswers[tuple[str, str], ApiProfile] = PendingAnswers(NO_ANSWER)  # by user pool and `sub`


class ProfileRequiredError(Exception):
    """The attributes of a user are to be requested before the token is written. Never leaves `authentication`.

    `is_new` is True if the user has no link yet.
    """

    def __init__(self, *, is_new: bool) -> None:
        super().__init__("the attributes of the user are to be requested")
        self.is_new = is_new


class ProfilePauses:
    """When this process requests the attributes of the users of one pool again. Safe with threads and forks.

    Each answer about a user without a link is stored for some seconds: until it is written, other callers must not
    create the user without attributes, and a user whom the site refuses does not cost one request per call.
    `now` returns seconds of a clock that is never set.
    """

    def __init__(self, settings: CognitoSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = settings.api_profile_seconds
        self._now = now
        self._retry_at: dict[str, float] = {}  # by `sub`
        self._answers: dict[str, tuple[float, ApiProfile]] = {}  # by `sub`: until when, and the answer or failure
        self._pool_retry_at = now()
        self._warned_at: dict[str, float] = {}  # by app client

    def find_answer(self, sub: str, *, is_new: bool) -> ApiProfile | None:
        """Return the answer of the last request, or NO_ANSWER in a pause; None if a request may be made now.

        `is_new` is True for a user without a link.
        """
        now, answer = self._now(), NO_ANSWER
        retry_at = self._retry_at.get(sub, now)
        if is_new:
            retry_at, answer = self._answers.get(sub, (now, NO_ANSWER))
        if now < retry_at:
            return answer
        return NO_ANSWER if now < self._pool_retry_at else None

    def count_seconds(self, sub: str) -> int:
        """Return the seconds until the attributes of a user without a link may be requested again; at least 1."""
        retry_at, _ = self._answers.get(sub, (self._pool_retry_at, NO_ANSWER))
        return max(1, math.ceil(max(retry_at, self._pool_retry_at) - self._now()))

    def begin(self, sub: str, answer: ApiProfile, *, is_new: bool, is_outage: bool = False) -> None:
        """Begin the pause after a request. An outage is a failure that does not concern one user."""
        now = self._now()
        seconds = min(self._seconds, _USER_PAUSE_SECONDS) if answer.failure else self._seconds
        _put(self._retry_at, sub, now + seconds, _MAX_USERS)
        if is_new:
            new_user_seconds = _NEW_USER_PAUSE_SECONDS if answer.failure else _ANSWER_SECONDS
            _put(self._answers, sub, (now + new_user_seconds, answer), _MAX_ANSWERS)
        if is_outage:
            self._pool_retry_at = now + _POOL_PAUSE_SECONDS

    def is_warning_due(self, client_id: str) -> bool:
        """Return whether the scope of the tokens of an app client is to be reported now."""
        now = self._now()
        is_due = now >= self._warned_at.get(client_id, now)
        if is_due:
            self._warned_at[client_id] = now + _WARNING_SECONDS
        return is_due


def _put(entries: dict[str, _T], sub: str, value: _T, max_entries: int) -> None:
    """Add an entry; without the earlier ones if there are too many."""
    if len(entries) >= max_entries:
        entries.clear()
    entries[sub] = value


def check_profile(
    token: AccessToken | IdToken,
    identity: IdentityClaims,
    link: CognitoUser | LinkSnapshot | None,
    settings: CognitoSettings,
    api_profile: ApiProfile | None,
) -> None:
    """Raise an error unless the token is to be written with this answer, or without one. No I/O, except for a warning.

    Raises ProfileRequiredError for NOT_REQUESTED, if the attributes are to be requested, or if another caller has
    requested those of a new user and has not written them yet, also in a pause.
    Raises CognitoUnavailableError if there is no answer about a new user who may have an account on this site: with
    the answer it would be linked, and a second account would stay.
    """
    if api_profile is None or api_profile.claims is not None or not _is_due(token, identity, link, settings):
        return
    pauses, is_new = _get_pauses(settings), link is None
    if api_profile is NOT_REQUESTED:
        api_profile = pauses.find_answer(token.sub, is_new=is_new)
        is_pending = is_new and (token.user_pool_id, token.sub) in pending_requests
        if is_pending or api_profile is None or api_profile.claims is not None:
            raise ProfileRequiredError(is_new=is_new)
    if is_new and may_link_accounts(settings):
        message = "API_PROFILE_SOURCE has no answer about a new user, who may have an account on this site"
        retry_after = pauses.count_seconds(token.sub)
        raise CognitoUnavailableError(message, code=api_profile.failure, retry_after=retry_after)


def _is_due(
    token: AccessToken | IdToken,
    identity: IdentityClaims,
    link: CognitoUser | LinkSnapshot | None,
    settings: CognitoSettings,
) -> bool:
    """Return whether the attributes of the user of a token are missing or too old, and can be requested.

    Not if a trigger adds attributes to the token, or if a profile from any source is younger than API_PROFILE_SECONDS.
    A new user who may have an account on this site is not created by such a token alone: it links no account.
    """
    if not settings.api_profile_source or isinstance(token, IdToken):
        return False
    is_complete = not list_profile_fields(settings).isdisjoint(identity.sources[0].attributes)
    if link is None and may_link_accounts(settings):
        is_complete = bool(identity.verified_email)
    if is_complete:
        return False
    if link is not None:
        if not link.user.is_active or _get_age(link) < settings.api_profile_seconds:
            return False
        stored = read_confirmed_link(link.pk)  # a run of `cognito_sync` may have confirmed the attributes
        if stored is not None and _get_age(stored) < settings.api_profile_seconds:
            return False
    has_scope = settings.api_profile_source != "get_user" or API_SCOPE in token.scopes
    if not has_scope and _get_pauses(settings).is_warning_due(token.client_id):
        logger.warning(
            "API_PROFILE_SOURCE 'get_user' has no effect for tokens of the app client %s: they lack the scope %s",
            token.client_id,
            API_SCOPE,
        )
    return has_scope


def _get_age(link: CognitoUser | LinkSnapshot) -> float:
    """Return the seconds since attributes were read from any source."""
    digests = [read_digest(link, name) for name in _PROFILE_DIGESTS]
    return unix_time() - max((digest.seconds for digest in digests if digest.attributes != NO_ATTRIBUTES), default=0)


def join_request(token: AnyToken) -> tuple["Future[ApiProfile]", bool]:
    """Return the request for the attributes of a user, and whether it is the caller's, who must call `end_request`."""
    return pending_requests.join((token.user_pool_id, token.sub))


def end_request(token: AnyToken, request: "Future[ApiProfile]", answer: ApiProfile = NO_ANSWER) -> None:
    """End the caller's request, after the answer was written or refused: the others that wait for it use it then.

    Without effect if it has ended. That a token was revoked is not the answer for another token of the user: the others
    get NOT_REQUESTED then, and request it with their own.
    """
    answer = NOT_REQUESTED if answer.rejection == RevokedTokenError.code else answer
    pending_requests.end((token.user_pool_id, token.sub), request, answer)


@clear_frame_locals
def request_profile(raw: str, token: AnyToken, *, is_new: bool) -> ApiProfile:
    """Return Cognito's answer about the user of a verified token, who has no link if `is_new`. One request.

    It has a `rejection` if Cognito states that the user or the sign-in is not valid any more, and a `failure` if there
    is no answer. No request if another caller has made one meanwhile.
    """
    settings = get_pool_registry().for_token(token.user_pool_id)
    pauses = _get_pauses(settings)
    earlier_answer = pauses.find_answer(token.sub, is_new=is_new)
    if earlier_answer is not None:
        return earlier_answer
    answer, is_outage = _request(raw, token, settings)
    if not answer.rejection:  # which is recorded for all processes
        pauses.begin(token.sub, answer, is_new=is_new, is_outage=is_outage)
    return answer


@clear_frame_locals
def _request(raw: str, token: AnyToken, settings: CognitoSettings) -> tuple[ApiProfile, bool]:
    """Return Cognito's answer, and whether it is missing because of an outage."""
    profile = ApiProfile(moment=utc_now())
    try:
        if settings.api_profile_source == "directory":
            account = get_live_directory(settings).user(token.username)
            if account is None or account.sub != token.sub:  # another user may have the username now
                return profile._replace(rejection=_GONE_CODE), False
            if not account.enabled:
                return profile._replace(rejection=DISABLED_CODE), False
            profile = profile._replace(claims=account.attributes, digest_field="directory_digest")
        else:
            claims = get_user_pool_api(settings).get_user(raw)
            profile = profile._replace(claims=claims, digest_field="user_info_digest")
    except TokenError as error:
        return profile._replace(rejection=error.code), False
    except CognitoError as error:
        level = logging.WARNING if isinstance(error, CognitoUnavailableError) else logging.ERROR
        logger.log(level, "API_PROFILE_SOURCE has no answer (%s): %s", error.code, error)
        code = "too_many_requests" if is_throttled(error) else error.code
        return profile._replace(failure=code), isinstance(error, CognitoUnavailableError) and error.is_outage
    if profile.claims is not None and profile.claims.get("sub") != token.sub:
        logger.error("API_PROFILE_SOURCE returned another user")
        return profile._replace(claims=None, failure=CognitoUnavailableError.code), False
    return profile, False


def record_rejection(token: AccessToken | IdToken, code: str) -> TokenError:
    """Record that Cognito rejects the user or the sign-in of a token, and return the error.

    Every entry point rejects it from now on, also if the user has no link.
    """
    # Not saved: the functions read the row with this key, if there is one.
    link = CognitoUser(user_pool_id=token.user_pool_id, sub=token.sub, username=token.username)
    if code == RevokedTokenError.code:
        revoke_token(token)
    else:
        (record_gone if code == _GONE_CODE else record_disabled)(link)
    return build_rejection(code)


def _get_pauses(settings: CognitoSettings) -> ProfilePauses:
    return cached_instance(ProfilePauses, settings)
