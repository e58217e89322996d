"""`request.cognito`: whose request this is in Cognito's terms. Costs nothing until it is used.

It speaks for a bearer token or for the session, never for a mix: with a bearer token the session is not looked at.
"""

import re
from functools import cached_property, partial
from typing import Any, NoReturn

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from .aws.person import Aws
from .conf import settings_of
from .core import ClientToken, IdToken, UserPool
from .core.errors import CognitoUnavailableError, SignInError
from .error_reports import take_id_token
from .login import renewal
from .login import session as login_session
from .models import CognitoLogin
from .people.rights import NO_RIGHTS, Rights, attach, carry, rights_of
from .people.users import Token, rights_for

# RFC 9110 11.1: a scheme is case-insensitive. What follows is for the verifier to judge.
_BEARER = re.compile(r"(?:^|,)\s*+bearer(?=\s|$)", re.IGNORECASE)
_SPACE = " \t"  # RFC 9110 5.6.3; whatever else is a space to Python is part of a token, which it makes a bad one


def bearer_token(request: Any) -> str | None:
    """The raw token of an `Authorization: Bearer` header; an empty string where it names none, None without one."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    if header.startswith("Bearer "):  # as clients write it; the pattern would find the same
        return header[7:].strip(_SPACE)
    # Anybody may send a long header, and every request is asked: the pattern takes a hundred times as long as `in`.
    found = _BEARER.search(header) if "bearer" in header.lower() else None
    if found is None:
        return None
    # Servers join two headers by a comma. One behind another is no token, nor is one behind what is no space: refused,
    # where overlooking it would let the session speak.
    is_first = found[0].strip(_SPACE).lower() == "bearer"
    return header[found.end() if is_first else found.start() :].strip(_SPACE)


def id_token_header(request: Any) -> str | None:
    """Return the raw ID token sent along with a bearer token; None without one. The request's headers lose it."""
    return take_id_token(request)


class RequestCognito:
    """The Cognito side of a request; also of a visitor's, where everything is empty.

    Reading it for a session costs one query, and renews tokens that are about to end. An async view says
    `await request.auser()` first; after that it does no I/O.
    """

    _user: Any = None
    _token: Token | None = None
    _raw = ""
    _raw_id_token: str | None = None
    _login: CognitoLogin | None = None
    _failure: CognitoUnavailableError | None = None

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

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
        if self.token is None:
            return ""
        return self._raw if self._login is None else login_session.tokens_of(self._login).access_token

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
        token = self.token
        return None if token is None else settings_of(token.user_pool_id, token.client_id).user_pool

    @cached_property
    def aws(self) -> Aws:
        """AWS in the person's name: `.identity_id .credentials .session .client("s3") .resource("s3")`. No I/O yet."""
        return Aws(lambda: self.token, self._id_token, self._aload)

    @property
    def is_machine(self) -> bool:
        """Whether a machine calls (`client_credentials`)."""
        return isinstance(self.token, ClientToken)

    @property
    def is_bearer(self) -> bool:
        """Whether the request came with a bearer token of ours, rather than with a session."""
        return self._token is not None and self._login is None

    def set_bearer(self, user: Any, token: Token, raw: str, raw_id_token: str | None = None) -> None:
        """Let the request be the person of a verified bearer token, and of the verified ID token that came with it."""
        self._user, self._token, self._raw, self._raw_id_token = user, token, raw, raw_id_token
        self._login = self._failure = None  # where a session was looked at before, it speaks no longer

    def set_session(self, user: Any) -> Any:
        """Let the request be `user` of its session; who it then is: an anonymous user where the login has ended.

        A user without a login of ours (a local password) is left alone. Raises nothing: where Cognito cannot be asked
        for new tokens, the person is still known, and only what needs the token raises.
        """
        session = self._request.session
        if not user.is_authenticated or login_session.SESSION_KEY not in session:
            return user
        try:
            self._go_on(user, renewal.current(login_session.load(session, user.pk)))
        except CognitoUnavailableError as error:
            self._do_without(user, error)
        except SignInError:
            session.flush()
            return AnonymousUser()
        return user

    async def aset_session(self, user: Any) -> Any:
        """As `set_session`."""
        session = self._request.session
        if not user.is_authenticated or not await session.ahas_key(login_session.SESSION_KEY):
            return user
        try:
            login = await sync_to_async(login_session.load)(session, user.pk)
            self._go_on(user, await renewal.acurrent(login))
        except CognitoUnavailableError as error:
            self._do_without(user, error)
        except SignInError:
            await session.aflush()
            return AnonymousUser()
        return user

    def _go_on(self, user: Any, login: CognitoLogin) -> None:
        """Raises SignInError where the login's tokens cannot be opened."""
        token = login_session.access_token_of(login)
        self._user, self._token, self._login = user, token, login
        carry(user, rights_for(token, login.cognito_user))

    def _do_without(self, user: Any, failure: CognitoUnavailableError) -> None:
        self._user, self._failure = user, failure
        attach(user, partial(_raise, failure))

    def _id_token(self) -> str:
        """The raw ID token of the person, verified when it came in; empty where there is none. Reads nothing."""
        if self._login is not None:
            return login_session.tokens_of(self._login).id_token
        return self._raw if isinstance(self._token, IdToken) else self._raw_id_token or ""

    def _rights(self) -> Rights:
        self._load()
        return NO_RIGHTS if self._user is None else rights_of(self._user)

    def _load(self) -> None:
        """See whose session it is, which the middleware's lazy `request.user` does; a bearer's user is set already."""
        if self._user is None:
            _ = self._request.user.is_authenticated

    async def _aload(self) -> None:
        """As `_load`, with Cognito asked in a thread; after it, `token` does no I/O."""
        if self._user is None:
            await self._request.auser()


def _raise(error: CognitoUnavailableError) -> NoReturn:
    raise error
