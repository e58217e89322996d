"""`request.cognito`: the Cognito side of a request's user. No I/O until it is used.

It belongs to a bearer token or to the session, never to both: with a bearer token the session is not read.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from ..authorization.rights import NO_RIGHTS, Rights, get_rights, set_rights
from ..aws.request_aws import Aws
from ..conf.loading import get_pool_registry
from ..core import ClientToken, IdToken, UserPool
from ..core.errors import CognitoUnavailableError, SignInError
from ..models import CognitoLogin
from ..sessions import refresh, sign_out
from ..sessions import store as login_session
from ..sessions.age_check import acheck_age, check_age
from ..sessions.outage import get_user_in_outage, resolve_view
from ..sessions.session_user import aload_user, load_user, reload_user
from ..users.provisioning import Token, get_token_rights
from .pool_selection import ais_pool_accepted, is_pool_accepted


class RequestCognito:
    """The Cognito side of `request.user`; empty for an anonymous user and for a user without a Cognito login.

    Each access compares the user that it was loaded for with `request.user`: after `login()`, `logout()` or an
    impersonation in the same request it is empty. Reading it for a session costs one query and refreshes tokens that
    expire soon. An async view calls `await request.auser()` first; after that it does no I/O.
    """

    _user: Any = None
    _token: Token | None = None
    _raw = ""
    _raw_id_token: str | None = None
    _login: CognitoLogin | None = None
    _failure: CognitoUnavailableError | None = None
    # In an outage: the view that the user was loaded for, the login that could not be refreshed, and why.
    _outage: tuple[Any, CognitoLogin, CognitoUnavailableError] | None = None

    # The ids in the session when its user was loaded. Django's `login()` flushes the session; see contrib.hijack.
    session_user_id = ""
    session_login_id = ""
    logins_set_aside: Sequence[Sequence[str]] = ()

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __repr__(self) -> str:
        return f"<RequestCognito {self._token!r}>"

    @property
    def token(self) -> Token | None:
        """The verified token of the request's user; None for an anonymous user and for a local login.

        Raises CognitoUnavailableError if the session's token has expired and cannot be refreshed now.
        """
        self._load()
        if self._failure is not None:
            raise self._failure
        return self._token

    @property
    def id_token(self) -> IdToken | None:
        """The verified ID token of the same sign-in as `token`; None if the request has none. No query.

        In a session it is the stored ID token, which is refreshed with the access token. With a bearer token it is that
        token if it is an ID token, otherwise the one of `X-Cognito-Id-Token`.
        Raises CognitoUnavailableError as `token` does.
        """
        token = self.token
        raw = "" if token is None else self._id_token()
        return login_session.read_verified_id_token(token.user_pool_id, raw) if token is not None and raw else None

    @property
    def raw(self) -> str:
        """The token's raw string, to pass on to Cognito or to another API; empty without a token."""
        if self.token is None:
            return ""
        return self._raw if self._login is None else login_session.decrypt_tokens(self._login).access_token

    @property
    def groups(self) -> tuple[str, ...]:
        """The user's Cognito groups that count now. Raises CognitoUnavailableError as `token` does."""
        return self._rights().groups

    @property
    def scopes(self) -> frozenset[str]:
        """The token's scopes. Raises CognitoUnavailableError as `token` does."""
        return self._rights().scopes

    @property
    def pool(self) -> UserPool | None:
        """The user pool that issued the token."""
        token = self.token
        return None if token is None else get_pool_registry().for_token(token.user_pool_id, token.client_id).user_pool

    @cached_property
    def aws(self) -> Aws:
        """AWS with the user's credentials: `.identity_id`, `.credentials`, `.session`, `.client("s3")`. No I/O yet."""
        request: Any = self._request
        # After `request.auser()`, `token` does no I/O.
        return Aws(lambda: self.token, self._id_token, lambda: request.auser())

    @property
    def is_machine(self) -> bool:
        """Whether the caller is a machine-to-machine client (`client_credentials`)."""
        return isinstance(self.token, ClientToken)

    @property
    def is_bearer(self) -> bool:
        """Whether the request's user comes from a bearer token, not from the session."""
        self._load()
        return self._token is not None and self._login is None

    @property
    def is_unavailable(self) -> bool:
        """Whether this request could not load its session's user, because Cognito could not be reached. No I/O."""
        return self._failure is not None and self._user is None

    def set_bearer(self, user: Any, token: Token, raw: str, raw_id_token: str | None = None) -> None:
        """Make the user of a verified bearer token the request's user; `raw_id_token` is the verified ID token."""
        set_user(self._request, user)
        self._clear()
        self._user, self._token, self._raw, self._raw_id_token = user, token, raw, raw_id_token

    def set_login(self, user: Any, token: Token, login: CognitoLogin) -> None:
        """Set the login of `user`, who is about to become the request's user."""
        self._clear()
        self._user, self._token, self._login = user, token, login

    def load_session(self, lazy_user: Any) -> Any:
        """Refresh the session's tokens if due, then return the session's user.

        The user is anonymous if the login has ended, or is of another pool than the host (TOKENS_OF_OTHER_POOLS).

        `lazy_user` is Django's own user of the session. It is loaded after the refresh, so that the user has the
        rights of the new tokens. A user without a Cognito login is returned as it is.

        Raises CognitoUnavailableError if the tokens have expired, cannot be refreshed and gave the user rights.
        """
        session = self._request.session
        self.logins_set_aside = session.get(login_session.SET_ASIDE_KEY, ())
        if login_session.SESSION_KEY not in session:
            return load_user(session, lazy_user)
        if self._failure is not None and self._user is None:
            raise self._failure
        was_loaded = _is_user_loaded(self._request)
        try:
            before = self._load_login(session)
            if not is_pool_accepted(self._request, before.cognito_user.user_pool_id):
                return AnonymousUser()  # the session stays unchanged
            check_age(before)
            try:
                login = refresh.ensure_fresh(before)
            except CognitoUnavailableError as failure:
                return self._enter_outage(load_user(session, lazy_user), before, failure)
            user = load_user(session, lazy_user)
            if _is_owner(user, login) and (was_loaded or login.version != before.version):
                reload_user(session, user)
            return self._accept(user, login)
        except SignInError:
            session.flush()
            return AnonymousUser()

    async def aload_session(self, get_user: Callable[[], Awaitable[Any]]) -> Any:
        """Async version of `load_session`. `get_user` loads Django's own user of the session."""
        session = self._request.session
        self.logins_set_aside = await session.aget(login_session.SET_ASIDE_KEY, ())
        if not await session.ahas_key(login_session.SESSION_KEY):
            return await aload_user(session, get_user)
        if self._failure is not None and self._user is None:
            raise self._failure
        was_loaded = _is_user_loaded(self._request)
        try:
            before = await sync_to_async(self._load_login)(session)
            if not await ais_pool_accepted(self._request, before.cognito_user.user_pool_id):
                return AnonymousUser()
            await acheck_age(before)
            try:
                login = await refresh.aensure_fresh(before)
            except CognitoUnavailableError as failure:
                user = await aload_user(session, get_user)
                return await sync_to_async(self._enter_outage)(user, before, failure)
            user = await aload_user(session, get_user)
            if _is_owner(user, login) and (was_loaded or login.version != before.version):
                await sync_to_async(reload_user)(session, user)
            return self._accept(user, login)
        except SignInError:
            await session.aflush()
            return AnonymousUser()

    def _load_login(self, session: SessionBase) -> CognitoLogin:
        """Return the session's login. Raises SignInError if it has ended or was revoked; CognitoUnavailableError."""
        login = login_session.load_login(session)
        self.session_user_id, self.session_login_id = session[auth.SESSION_KEY], str(login.pk)
        try:
            sign_out.require_accepted(login)
        except CognitoUnavailableError as failure:
            self._failure = failure
            raise
        return login

    def _accept(self, user: Any, login: CognitoLogin) -> Any:
        """Return `user`, with the rights of `login` if the user owns it. Another middleware may have set another user.

        Raises SignInError if the login's tokens cannot be decrypted.
        """
        if _is_owner(user, login):
            token = login_session.get_access_token(login)
            self._user, self._token, self._login = user, token, login
            set_rights(user, get_token_rights(token, login.cognito_user))
        return user

    def _enter_outage(self, user: Any, login: CognitoLogin, failure: CognitoUnavailableError) -> Any:
        if not _is_owner(user, login):
            return user
        self._failure, self._outage = failure, None
        match = resolve_view(self._request)
        user = get_user_in_outage(match, user, login, failure)
        if user.is_authenticated:
            self._user, self._outage = user, (match and match.func, login, failure)
        else:
            self._failure = None
        return user

    def is_loaded_for(self, view: Any) -> bool:
        """Return whether the user was loaded for `view`, if it was loaded in an outage. No I/O."""
        return self._outage is None or self._outage[0] is view

    def load_again(self) -> None:
        """Reload the user in an outage: a middleware changed the path or URLconf, and thus the view, after a load.

        Raises CognitoUnavailableError as `load_session` does.
        """
        self._clear_former_user()
        if self._outage is not None:
            _, login, failure = self._outage
            set_user(self._request, self._enter_outage(self._user, login, failure))

    def _clear(self) -> None:
        self._user = self._token = self._login = self._failure = self._raw_id_token = self._outage = None
        self._raw = ""

    def _id_token(self) -> str:
        """Return the user's raw ID token, verified when it arrived; empty without one. No I/O."""
        if self._login is not None:
            return login_session.decrypt_tokens(self._login).id_token
        return self._raw if isinstance(self._token, IdToken) else self._raw_id_token or ""

    def _rights(self) -> Rights:
        self._load()
        if self._failure is not None:
            raise self._failure
        return NO_RIGHTS if self._user is None else get_rights(self._user)

    def _load(self) -> None:
        """Load the request's user and its login; clear everything if the user has been replaced."""
        _ = self._request.user.is_authenticated
        self._clear_former_user()

    def _clear_former_user(self) -> None:
        if self._user is not None and self._request.user != self._user:
            self._clear()


def set_user(request: HttpRequest, user: Any) -> None:
    """Make `user` the request's user, for sync and async readers."""
    request.user, request.auser = user, make_auser(user)


def make_auser(user: Any) -> Callable[[], Awaitable[Any]]:
    """Return a `request.auser` for a loaded user."""

    async def auser() -> Any:
        return user

    return auser


def _is_owner(user: Any, login: CognitoLogin) -> bool:
    return bool(user.pk == login.cognito_user.user_id)


def _is_user_loaded(request: HttpRequest) -> bool:
    """Return whether an earlier middleware has loaded Django's user: it may differ from the database by now."""
    return hasattr(request, "_cached_user") or hasattr(request, "_acached_user")
