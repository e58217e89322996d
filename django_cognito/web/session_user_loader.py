"""Load the user of a request from its session: the login, the refresh of its tokens, the user, or an outage.

Must not depend on bearer tokens.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from ..authorization.rights import add_tenant, get_rights, set_rights
from ..conf.loading import get_pool_registry
from ..core import IdToken
from ..core.errors import CognitoUnavailableError, SignInError
from ..models import CognitoLogin
from ..sessions import refresh, store
from ..sessions.ending import sign_out
from ..sessions.ending.age_check import acheck_age, check_age
from ..sessions.outage import get_user_in_outage, resolve_view
from ..sessions.session_user import aload_user, load_user, reload_user
from ..sessions.stored_tokens import decrypt_tokens, get_access_token, read_verified_id_token
from ..users.writing.provisioning import Token, get_token_rights
from .pool_selection import ais_pool_accepted, is_pool_accepted
from .request_user import is_user_loaded, set_user


class SessionUserLoader:
    """Loads the session's user, and holds what was loaded. `RequestCognito` is its public side."""

    _user: Any = None
    _token: Token | None = None
    _raw = ""
    _raw_id_token: str | None = None
    _login: CognitoLogin | None = None
    _failure: CognitoUnavailableError | None = None
    # In an outage: the view that the user was loaded for, the login that could not be refreshed, and why.
    _outage: tuple[Any, CognitoLogin, CognitoUnavailableError] | None = None
    ended_code = ""  #: Why the session's login was ended in this request, such as "login_ended".

    is_session_anonymous = False  #: Whether the session's user was loaded, and was anonymous.

    # The ids in the session when its user was loaded. Django's `login()` flushes the session; see contrib.hijack.
    session_user_id = ""
    session_login_id = ""
    logins_set_aside: Sequence[Sequence[str]] = ()

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def load_session(self, lazy_user: Any) -> Any:
        """Refresh the session's tokens if due, then return the session's user.

        The user is anonymous if the login has ended, or is of another pool than the host (TOKENS_OF_OTHER_POOLS).
        `lazy_user` is Django's own user of the session. It is loaded after the refresh, so that the user has the
        rights of the new tokens. A user without a Cognito login is returned as it is.

        Raises CognitoUnavailableError if the tokens have expired, cannot be refreshed and gave the user rights.
        """
        session = self._request.session
        self.session_user_id = session.get(auth.SESSION_KEY, "")  # also if its login has ended
        self.logins_set_aside = session.get(store.SET_ASIDE_KEY, ())
        if self._failure is not None and self._user is None:
            raise self._failure
        was_loaded = is_user_loaded(self._request)
        try:
            if store.SESSION_KEY not in session:
                for hijackers_login in self._load_logins_set_aside():
                    check_age(hijackers_login)
                return load_user(session, lazy_user)
            before = self._load_login(session)
            if not is_pool_accepted(self._request, before.cognito_user.user_pool_id):
                return AnonymousUser()  # the session stays unchanged
            check_age(before)
            try:
                login = refresh.ensure_fresh(before)
            except CognitoUnavailableError as failure:
                return self._enter_outage(load_user(session, lazy_user), before, failure)
            user = load_user(session, lazy_user, login)
            return self._accept(user, login, is_changed=was_loaded or login.version != before.version)
        except SignInError as error:
            session.flush()
            return self._end(error)

    async def aload_session(self, get_user: Callable[[], Awaitable[Any]]) -> Any:
        """Async version of `load_session`. `get_user` loads Django's own user of the session."""
        session = self._request.session
        self.session_user_id = await session.aget(auth.SESSION_KEY, "")
        self.logins_set_aside = await session.aget(store.SET_ASIDE_KEY, ())
        if self._failure is not None and self._user is None:
            raise self._failure
        was_loaded = is_user_loaded(self._request)
        try:
            if not await session.ahas_key(store.SESSION_KEY):
                is_hijack = bool(self.logins_set_aside)  # else no thread is needed
                for hijackers_login in await sync_to_async(self._load_logins_set_aside)() if is_hijack else ():
                    await acheck_age(hijackers_login)
                return await aload_user(session, get_user)
            before = await sync_to_async(self._load_login)(session)
            if not await ais_pool_accepted(self._request, before.cognito_user.user_pool_id):
                return AnonymousUser()
            await acheck_age(before)
            try:
                login = await refresh.aensure_fresh(before)
            except CognitoUnavailableError as failure:
                user = await aload_user(session, get_user)
                return await sync_to_async(self._enter_outage)(user, before, failure)
            user = await aload_user(session, get_user, login)
            if was_loaded or login.version != before.version:
                return await sync_to_async(self._accept)(user, login, is_changed=True)
            return self._accept(user, login)
        except SignInError as error:
            await session.aflush()
            return self._end(error)

    def _load_login(self, session: SessionBase) -> CognitoLogin:
        """Return the session's login. Raises SignInError if it has ended or was revoked; CognitoUnavailableError."""
        login = store.load_login(session)
        self.session_login_id = str(login.pk)
        return self._require_accepted(login)

    def _load_logins_set_aside(self) -> list[CognitoLogin]:
        """Return the logins of the hijackers of this session, which ends with them. One query for each.

        Raises as `_load_login` does.
        """
        ids = [login_id for _, login_id in self.logins_set_aside if login_id]
        return [self._require_accepted(store.get_login(login_id)) for login_id in ids]

    def _require_accepted(self, login: CognitoLogin) -> CognitoLogin:
        try:
            sign_out.require_accepted(login)
        except CognitoUnavailableError as failure:
            self._failure = failure
            raise
        return login

    def _accept(self, user: Any, login: CognitoLogin, *, is_changed: bool = False) -> Any:
        """Return `user`, with the rights of `login` if the user owns it. Another middleware may have set another user.

        With `is_changed`, the user object is older than the tokens, and is reloaded in place. Raises SignInError if the
        login's tokens cannot be decrypted, or the session is no longer valid for the user.
        """
        if user.pk == login.cognito_user.user_id:
            if is_changed:
                reload_user(self._request.session, user)
            token = get_access_token(login)
            self._user, self._token, self._login = user, token, login
            set_rights(user, get_token_rights(token, login.cognito_user))
            self._set_tenant()
        return user

    def _set_tenant(self) -> None:
        """Let the rights of the tenant count that the request selects among those that its tokens state (TENANT)."""
        token: Any = self._token
        settings = get_pool_registry().for_token(token.user_pool_id)
        if settings.tenant is not None:
            tokens = [token]
            if not isinstance(token, IdToken) and (raw := self._id_token()):
                tokens.append(read_verified_id_token(token.user_pool_id, raw))
            rights = get_rights(self._user)
            set_rights(self._user, add_tenant(rights, settings, tokens, self._request))

    def _id_token(self) -> str:
        """Return the user's raw ID token, verified when it arrived; empty without one. No I/O."""
        if self._login is not None:
            return decrypt_tokens(self._login).id_token
        return self._raw if isinstance(self._token, IdToken) else self._raw_id_token or ""

    def _enter_outage(self, user: Any, login: CognitoLogin, failure: CognitoUnavailableError) -> Any:
        if user.pk != login.cognito_user.user_id:
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

    def _end(self, error: SignInError) -> Any:
        self._clear()
        self.ended_code = error.code
        return AnonymousUser()

    def _clear(self) -> None:
        self._user = self._token = self._login = self._failure = self._raw_id_token = self._outage = None
        self._raw = ""

    def _clear_former_user(self) -> None:
        if self._user is not None and self._request.user != self._user:
            self._clear()
