"""`request.cognito`: whose request this is in Cognito's terms. Costs nothing until it is used.

It speaks for a bearer token or for the session, never for a mix: with a bearer token the session is not looked at.
"""

import re
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from .conf import get_settings
from .core import AccessToken, ClientToken, IdToken, UserPool
from .core.errors import CognitoUnavailableError, SignInError
from .login import session as login_session
from .models import CognitoLogin
from .people.rights import NO_RIGHTS, Rights, attach, rights_of
from .people.users import rights_for

Token = AccessToken | IdToken | ClientToken

# RFC 9110 11.1: a scheme is case-insensitive. What follows is for the verifier to judge.
_BEARER = re.compile(r"(?:^|,)\s*bearer(?:\s|$)", re.IGNORECASE)


def bearer_token(request: Any) -> str | None:
    """The raw token of an `Authorization: Bearer` header; an empty string where it names none, None without one."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    found = _BEARER.search(header)
    if found is None:
        return None
    # Servers join two headers by a comma. One behind another is no token: refused, where overlooking it would let the
    # session speak.
    return header[found.end() if found.start() == 0 else found.start() :].strip()


class RequestCognito:
    """The Cognito side of a request; also of a visitor's, where everything is empty.

    Reading it for a session costs one query, and renews tokens that are about to end.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._user: Any = None
        self._token: Token | None = None
        self._raw = ""
        self._login: CognitoLogin | None = None
        self._failure: CognitoUnavailableError | None = None

    def __repr__(self) -> str:
        return f"<RequestCognito {self._token!r}>"

    @property
    def token(self) -> Token | None:
        """The verified token behind the request; None for a visitor and for a local login.

        Raises CognitoUnavailableError where a session's token has ended and Cognito cannot be asked for the next.
        """
        self._load()
        if self._failure is not None:
            raise self._failure
        return self._token

    @property
    def raw(self) -> str:
        """The token's raw string, to pass on to Cognito or to another API; empty where there is no token."""
        return self._raw if self.token is not None else ""

    @property
    def groups(self) -> tuple[str, ...]:
        """The person's Cognito groups that count now."""
        return self._rights().groups

    @property
    def scopes(self) -> frozenset[str]:
        """The token's scopes."""
        return self._rights().scopes

    @property
    def pool(self) -> UserPool | None:
        """The user pool that the token is from."""
        return get_settings().user_pool if self.token is not None else None

    @property
    def is_machine(self) -> bool:
        """Whether a machine calls (`client_credentials`)."""
        return isinstance(self.token, ClientToken)

    @property
    def is_bearer(self) -> bool:
        """Whether the request came with a bearer token of ours, rather than with a session."""
        return self._token is not None and self._login is None

    def set_bearer(self, user: Any, token: Token, raw: str) -> None:
        """Let the request be the person of a verified bearer token."""
        self._user, self._token, self._raw = user, token, raw

    def set_session(self, user: Any) -> Any:
        """Let the request be `user` of its session; who it then is: an anonymous user where the login has ended.

        A user without a login of ours (a local password) is left alone. Raises nothing: where Cognito cannot be asked
        for new tokens, the person is still known, and only what needs the token raises.
        """
        session = self._request.session
        if not user.is_authenticated or login_session.SESSION_KEY not in session:
            return user
        outcome: CognitoLogin | SignInError | CognitoUnavailableError
        try:
            outcome = login_session.current(login_session.load(session, user.pk))
        except (SignInError, CognitoUnavailableError) as error:
            outcome = error
        if isinstance(outcome, SignInError):
            session.flush()
            return AnonymousUser()
        return self._known(user, outcome)

    async def aset_session(self, user: Any) -> Any:
        """As `set_session`."""
        session = self._request.session
        if not user.is_authenticated or not await session.ahas_key(login_session.SESSION_KEY):
            return user
        outcome: CognitoLogin | SignInError | CognitoUnavailableError
        try:
            login = await sync_to_async(login_session.load)(session, user.pk)
            outcome = await login_session.acurrent(login)
        except (SignInError, CognitoUnavailableError) as error:
            outcome = error
        if isinstance(outcome, SignInError):
            await session.aflush()
            return AnonymousUser()
        return self._known(user, outcome)

    def _known(self, user: Any, outcome: CognitoLogin | CognitoUnavailableError) -> Any:
        self._user = user
        if isinstance(outcome, CognitoUnavailableError):
            self._failure = outcome
        else:
            self._login = outcome
            self._token = login_session.access_token_of(outcome)
            self._raw = login_session.tokens_of(outcome).access_token
        attach(user, self._session_rights)
        return user

    def _session_rights(self) -> Rights:
        if self._failure is not None:
            raise self._failure
        if self._login is None or not isinstance(self._token, AccessToken):
            return NO_RIGHTS
        return rights_for(self._token, self._login.cognito_user)

    def _rights(self) -> Rights:
        self._load()
        return NO_RIGHTS if self._user is None else rights_of(self._user)

    def _load(self) -> None:
        """See whose session it is, which the middleware's lazy `request.user` does; a bearer's user is set already."""
        if self._user is None:
            _ = self._request.user.is_authenticated
