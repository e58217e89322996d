"""The live check: whether Cognito accepts a user now, by GetUser with the user's token or by the directory.

Acceptance and a missing group are cached, in the cache CACHE, for the seconds that the view allows. Requests that need
the same answer at the same time share one. A rejection is recorded, so that every entry point rejects the user. Must
not depend on requests or sessions.
Source: AWS API reference, GetUser, AdminGetUser and AdminListGroupsForUser.
"""

import hashlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple, TypedDict

from asgiref.sync import sync_to_async
from django.core.cache import caches

from ..authorization.group_mapping import groups_from_directory
from ..authorization.rights import require_names
from ..conf.loading import get_pool_registry
from ..conf.schema import COGNITO_GROUPS, CognitoSettings
from ..core import AccessToken, IdToken
from ..core.clock import unix_time, utc_now
from ..core.directory import is_throttled
from ..core.errors import CognitoError, CognitoUnavailableError, TokenError
from ..core.tracebacks import clear_frame_locals
from ..factories import get_live_directory, get_user_pool_api
from ..models import CognitoUser
from .account_status import record_disabled, record_gone
from .pending_answers import PendingAnswers, finish_call
from .revocation import DISABLED_CODE, revoke_token
from .revocation_list import get_revocation_list, get_sign_in, to_milliseconds

LiveSource = Literal["get_user", "directory"]
DEFAULT_SECONDS = 10
_MAX_SECONDS = 300  # Cognito's tokens are valid for at least five minutes: what is older, the next token states too
_WAIT_SECONDS = 15.0  # for the answer that another request has asked for
_RETRY_SECONDS = 60  # after a refusal that an operator must correct
_SLOW_SECONDS = 1.0  # Cognito usually responds within 0.3 s: a request that fails later has occupied its thread
_GONE_CODE, _REVOKED_CODE, _GROUP_CODE = "user_not_found_in_cognito", "token_revoked", "group_required"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveRequirement:
    """What a view requires: the source of the answer, its greatest age in seconds, and one of `groups`, if set."""

    by: LiveSource
    seconds: int
    groups: tuple[str, ...] = ()


class LiveCheckArguments(TypedDict, total=False):
    """The arguments of `require_live_check`."""

    by: LiveSource
    seconds: int
    groups: Sequence[str] | None


def require_live_check(
    by: LiveSource = "get_user", seconds: int = DEFAULT_SECONDS, groups: Sequence[str] | None = None
) -> LiveRequirement:
    """Return the requirement. Raise TypeError or ValueError for arguments that cannot work, so at the import of a view.

    An empty list of groups is an error: it would require none.
    """
    if by not in ("get_user", "directory"):
        raise ValueError(f'by is "get_user" or "directory"; found {by!r}')
    if type(seconds) is not int:
        raise TypeError(f"give the seconds as an integer; found {type(seconds).__name__}")
    if not 0 < seconds <= _MAX_SECONDS:
        raise ValueError(f"give 1 to {_MAX_SECONDS} seconds; found {seconds}")
    if groups is None:
        return LiveRequirement(by, seconds)
    if by == "get_user":
        raise ValueError('GetUser returns no groups: use by="directory"')
    return LiveRequirement(by, seconds, require_names(() if isinstance(groups, str) else tuple(groups)))


@dataclass(frozen=True, slots=True)
class LiveCheck:
    """The check of one user, by a verified token. `raw` is the access token, for GetUser.

    `sign_in_id` is the id of the token's sign-in in the revocation list; empty if it has none.
    """

    requirement: LiveRequirement
    token: AccessToken | IdToken
    sign_in_id: str
    raw: str = field(default="", repr=False)

    @property
    def cache_name(self) -> str:
        """The name of the answer in the cache: a digest. GetUser's answer is about the whole token, not its user."""
        requirement, token = self.requirement, self.token
        source = requirement.by, str(requirement.seconds), token.user_pool_id, token.sub, self.raw
        parts = "\0".join((*source, *sorted(requirement.groups)))
        return f"django_cognito.live.{hashlib.sha256(parts.encode('utf-8', 'surrogatepass')).hexdigest()}"


class Verdict(NamedTuple):
    """The answer about a user: accepted if there is no error code. With `retry_after` seconds, there is no answer."""

    error_code: str = ""
    retry_after: int = 0


ACCEPTED = Verdict()
_NOT_IN_GROUP = Verdict(_GROUP_CODE)
_NO_ANSWER = Verdict(CognitoUnavailableError.code, retry_after=5)
# The value in the cache is an integer, which caches return without unpickling: the milliseconds since 1970 of the
# request, times `_CODES`, plus the code of the answer.
_CACHED_VERDICTS, _CODES = {1: ACCEPTED, 2: _NOT_IN_GROUP}, 4
_pauses: dict[tuple[str, str], float] = {}  # by source and user pool: until when it is not asked, on `time.monotonic`

_pending: PendingAnswers[str, Verdict] = PendingAnswers(_NO_ANSWER)  # by cache name


@clear_frame_locals
def check_user(check: LiveCheck) -> Verdict:
    """Return the cached answer, or that of Cognito, which is cached or recorded.

    One `get` at the cache; then at most one request (GetUser), or one to three (directory).
    """
    name = check.cache_name
    answer, is_first = _pending.join(name, check.requirement.seconds)
    if not is_first:
        return _pending.wait(answer, _WAIT_SECONDS)
    try:
        if (verdict := _read_cache(check)) is None:
            requested_at = unix_time()
            verdict = _ask(check)
            # First: a request that waits may have locked the rows, and the cache may not respond.
            _pending.end(name, answer, verdict)
            _store(check, verdict, requested_at)
        _pending.end(name, answer, verdict)
        return verdict
    finally:
        _pending.end(name, answer)  # an error of this request, not of Cognito


@clear_frame_locals
async def acheck_user(check: LiveCheck) -> Verdict:
    """Async version of `check_user`. The requests to Cognito run in another thread than the cache and the ORM.

    If the caller is cancelled, the check is finished first: other requests may wait for its answer.
    """
    answer, is_first = _pending.join(check.cache_name, check.requirement.seconds)
    if not is_first:
        return await _pending.await_answer(answer, _WAIT_SECONDS)
    end = partial(_pending.end, check.cache_name, answer)
    return await finish_call(_find_answer(check, end), end)


async def _find_answer(check: LiveCheck, end: Callable[[Verdict], None]) -> Verdict:
    if (verdict := await sync_to_async(_read_cache)(check)) is None:
        requested_at = unix_time()
        verdict = await sync_to_async(_ask, thread_sensitive=False)(check)
        end(verdict)
        await sync_to_async(_store)(check, verdict, requested_at)
    end(verdict)
    return verdict


def _read_cache(check: LiveCheck) -> Verdict | None:
    """Return the answer of the last seconds; None if the cache has none, fails, or has a value of another origin.

    A cache that was slow may have stored the answer for longer: its seconds count from the request to Cognito.
    """
    try:
        value = caches[get_pool_registry().first.cache].get(check.cache_name)
    except Exception as error:  # noqa: BLE001 - each cache library has exceptions of its own
        _log.warning("the cache CACHE does not respond (%s): each live check asks Cognito", type(error).__name__)
        return None
    milliseconds, code = divmod(value, _CODES) if type(value) is int else (0, 0)
    is_fresh = abs(unix_time() - milliseconds / 1_000) < check.requirement.seconds
    return _CACHED_VERDICTS.get(code) if is_fresh else None


def _store(check: LiveCheck, verdict: Verdict, requested_at: float) -> None:
    """Cache the answer, or record a rejection in the database and in the revocation list of all processes."""
    token = check.token
    # Not saved: the functions below read the row with this key.
    link = CognitoUser(user_pool_id=token.user_pool_id, sub=token.sub, username=token.username)
    if verdict in _CACHED_VERDICTS.values():
        value = int(requested_at * 1_000) * _CODES + (1 if verdict == ACCEPTED else 2)
        try:
            caches[get_pool_registry().first.cache].set(check.cache_name, value, check.requirement.seconds)
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("a live check was not cached: %s", type(error).__name__)
    elif verdict.error_code == DISABLED_CODE:
        record_disabled(link)
    elif verdict.error_code == _GONE_CODE:
        record_gone(link)
    elif verdict.error_code == _REVOKED_CODE and check.sign_in_id:
        sign_in = get_sign_in(token.user_pool_id, check.sign_in_id, None)
        get_revocation_list().add({sign_in: to_milliseconds(utc_now())})
    elif verdict.error_code == _REVOKED_CODE:
        revoke_token(token)


@clear_frame_locals
def _ask(check: LiveCheck) -> Verdict:
    """Return Cognito's answer. No database and no cache.

    After a request without a response, no request is sent for as long as that one took: a slow Cognito must not occupy
    all threads of the server.
    """
    token, started_at = check.token, time.monotonic()
    source = check.requirement.by, token.user_pool_id
    settings = get_pool_registry().find(token.user_pool_id, token.client_id)
    if settings is None:
        _log.warning("A live check has no answer: the user pool of the token is not configured any more.")
        return _NO_ANSWER
    if (left := _pauses.get(source, started_at) - started_at) > 0:
        return Verdict(_NO_ANSWER.error_code, math.ceil(left))
    try:
        if check.requirement.by == "directory":
            return _ask_directory(token, settings, check.requirement.groups)
        if get_user_pool_api(settings).get_user(check.raw)["sub"] == token.sub:
            return ACCEPTED
        _log.error("A live check has no answer: GetUser returned another user.")
    except TokenError as error:
        return Verdict(error.code)
    except CognitoUnavailableError as error:
        _log.warning("A live check has no answer: %s", error)
        if (seconds := time.monotonic() - started_at) >= _SLOW_SECONDS:
            _pauses[source] = started_at + 2 * seconds
        return Verdict("too_many_requests" if is_throttled(error) else error.code, error.retry_after)
    except CognitoError as error:
        _log.error("A live check has no answer: %s. May the site's AWS role use AdminGetUser?", error)
        return Verdict(error.code, _RETRY_SECONDS)
    return _NO_ANSWER


def _ask_directory(token: AccessToken | IdToken, settings: CognitoSettings, required_groups: Sequence[str]) -> Verdict:
    """Return the directory's answer: one request; with groups of the user pool one or two more."""
    directory = get_live_directory(settings)
    account = directory.user(token.username)
    if account is None or account.sub != token.sub:  # another user may have the username now
        return Verdict(_GONE_CODE)
    if not account.enabled:
        return Verdict(DISABLED_CODE)
    if not required_groups:
        return ACCEPTED
    pages = directory.groups_of(account.username) if settings.groups_claim == COGNITO_GROUPS else ()
    listed = [group.name for page in pages for group in page]
    groups = groups_from_directory(listed, account.attributes, settings)
    return _NOT_IN_GROUP if set(groups).isdisjoint(required_groups) else ACCEPTED
