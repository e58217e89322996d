"""`request.cognito`: the Cognito side of a request's user. No I/O until it is used.

It belongs to a bearer token or to the session, never to both: with a bearer token the session is not read.
"""

from functools import cached_property
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured

from ..authorization.rights import NO_RIGHTS, Rights, get_rights
from ..aws.request_aws import Aws
from ..conf.loading import get_pool_registry
from ..core import ClientToken, IdToken, UserPool
from ..core.errors import SignInError
from ..models import CognitoLogin
from ..sessions import refresh, store
from ..sessions.ending import sign_out
from ..sessions.stored_tokens import decrypt_tokens, read_verified_id_token
from ..users.writing.provisioning import Token
from .dataset_types import Datasets
from .request_user import set_user
from .session_user_loader import SessionUserLoader


class RequestCognito(SessionUserLoader):
    """The Cognito side of `request.user`; empty for an anonymous user and for a user without a Cognito login.

    Each access compares the user that it was loaded for with `request.user`: after `login()`, `logout()` or an
    impersonation in the same request it is empty. Reading it for a session costs one query and refreshes tokens that
    expire soon. An async view calls `await request.auser()` first; after that it does no I/O.
    """

    datasets_type: ClassVar[type[Any] | None] = None  # set by `django_cognito.datasets`

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
        return read_verified_id_token(token.user_pool_id, raw) if token is not None and raw else None

    @property
    def raw(self) -> str:
        """The token's raw string, to pass on to Cognito or to another API; empty without a token."""
        if self.token is None:
            return ""
        return self._raw if self._login is None else decrypt_tokens(self._login).access_token

    @property
    def groups(self) -> tuple[str, ...]:
        """The user's Cognito groups that count now, without those of other tenants.

        Raises CognitoUnavailableError as `token` does.
        """
        return self._rights().groups

    @property
    def scopes(self) -> frozenset[str]:
        """The token's scopes. Raises CognitoUnavailableError as `token` does."""
        return self._rights().scopes

    @property
    def tenant(self) -> str | None:
        """The tenant whose rights count in this request (TENANT); None without one.

        Raises CognitoUnavailableError as `token` does.
        """
        return self._rights().tenant

    @property
    def tenants(self) -> tuple[str, ...]:
        """All tenants of the user, by the tokens of this request. Raises CognitoUnavailableError as `token` does."""
        return self._rights().tenants

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
    def datasets(self) -> Datasets:
        """The datasets of the request's user, if the app `django_cognito.datasets` is installed. No I/O.

        Raises ImproperlyConfigured without that app.
        """
        if self.datasets_type is None:
            raise ImproperlyConfigured(
                "request.cognito.datasets requires an app of its own. Add 'django_cognito.datasets' to INSTALLED_APPS"
                " after 'django_cognito', and run `manage.py migrate`."
            )
        datasets: Datasets = self.datasets_type(self._request)
        return datasets

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

    @property
    def sign_in_id(self) -> str:
        """The id of the sign-in in the revocation list: `origin_jti`, or the login's id if the session has none."""
        if self._login is not None:
            return self._login.origin_jti or str(self._login.pk)
        return "" if self.token is None else self.token.origin_jti

    def end_rejected_login(self) -> None:
        """End the session, because Cognito rejects its user or its sign-in. The user is anonymous then."""
        error = SignInError("Cognito rejects the user of the login", code="login_ended")
        try:
            if self._login is not None:
                sign_out.require_accepted(self._login)  # it ends the row by what was recorded
        except SignInError as ended:
            error = ended
        self._request.session.flush()
        set_user(self._request, self._end(error))

    def refresh(self) -> None:
        """Refresh the session's tokens now, and the user with them, for example after the user was added to a group.

        `request.user` stays the same object. If another request refreshes the login now, its tokens are used.
        Raises TypeError if the session has no Cognito login that can be refreshed; CognitoUnavailableError if Cognito
        cannot be reached: the user stays unchanged; SignInError if the login has ended: the user is anonymous then.
        """
        user, login = self._get_refreshable_login()
        try:
            login = refresh.ensure_fresh(login, min_version=login.version + 1)
            self._accept(user, login, is_changed=True)
        except SignInError as error:
            self._request.session.flush()
            set_user(self._request, self._end(error))
            raise

    async def arefresh(self) -> None:
        """Async version of `refresh`."""
        request: Any = self._request
        await request.auser()
        user, login = self._get_refreshable_login()
        try:
            login = await refresh.aensure_fresh(login, min_version=login.version + 1)
            await sync_to_async(self._accept)(user, login, is_changed=True)
        except SignInError as error:
            await request.session.aflush()
            set_user(request, self._end(error))
            raise

    def set_bearer(self, user: Any, token: Token, raw: str, raw_id_token: str | None = None) -> None:
        """Make the user of a verified bearer token the request's user; `raw_id_token` is the verified ID token."""
        set_user(self._request, user)
        self._clear()
        self._user, self._token, self._raw, self._raw_id_token = user, token, raw, raw_id_token
        self._set_tenant()

    def set_login(self, user: Any, token: Token, login: CognitoLogin) -> None:
        """Set the login of `user`, who is about to become the request's user."""
        self._clear()
        self._user, self._token, self._login = user, token, login
        self._set_tenant()

    def _get_refreshable_login(self) -> tuple[Any, CognitoLogin]:
        """Return the user and the login to be refreshed. Raises TypeError without one; CognitoUnavailableError."""
        token = self.token
        if self._login is None or store.get_refresh_token(self._login) is None:
            source = "a bearer token" if token is not None and self._login is None else "none"
            raise TypeError(f"a refresh requires a Cognito login in the session with a refresh token; found {source}")
        return self._user, self._login

    def _rights(self) -> Rights:
        _ = self.token
        return NO_RIGHTS if self._user is None else get_rights(self._user)

    def _load(self) -> None:
        """Load the request's user and its login; clear everything if the user has been replaced."""
        _ = self._request.user.is_authenticated
        self._clear_former_user()
