"""`request.cognito.aws`: AWS with the credentials of the user of a request. Stores the identity id on the link row."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, NoReturn, TypeVar

from asgiref.sync import sync_to_async

from ..conf.loading import get_pool_registry
from ..core import ClientToken
from ..core.errors import CredentialsError
from ..core.identity_pool import AwsCredentials, IdentityPool
from ..core.tracebacks import clear_frame_locals
from ..factories import get_identity_pool
from ..users.identity_ids import get_identity_id, save_identity_id
from ..users.writing.provisioning import Token
from .client_cache import UserAws, get_cached_aws, get_or_create_aws

_T = TypeVar("_T")


class _RequestUser(NamedTuple):
    """The verified token of the request, and the AWS clients of its user."""

    token: Token
    aws: UserAws


class Aws:
    """AWS services with the temporary credentials that the identity pool issues for the user of the request.

    No request is sent before it is needed; credentials are refreshed before they expire. Every member raises
    CredentialsError if the user has none (codes "not_signed_in", "person_required" for a machine-to-machine client,
    "id_token_required" for an API request without its `X-Cognito-Id-Token`, or AWS's refusal with `aws_code`), and
    CognitoUnavailableError if Cognito cannot be reached.
    """

    def __init__(
        self, token: Callable[[], Token | None], id_token: Callable[[], str], aload: Callable[[], Awaitable[None]]
    ) -> None:
        self._token = token
        self._id_token = id_token
        self._aload = aload
        self._current: _RequestUser | None = None

    def __repr__(self) -> str:
        return "<Aws>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the AWS clients of a user cannot be pickled")

    @property
    def identity_id(self) -> str:
        """The user's identity id, `region:guid`, as S3 prefixes and policies use it. Fetched once, then stored."""
        self._call(_credentials)  # AWS may return another id than the stored one after it has merged two
        return self._call(lambda aws: aws.credentials.identity_id)

    @property
    def credentials(self) -> AwsCredentials:
        """Temporary credentials that have not expired."""
        return self._call(_credentials)

    @property
    def session(self) -> Any:
        """A `boto3.Session` of the user. It is not thread-safe."""
        return self._call(UserAws.session)

    def client(self, service: str, **options: Any) -> Any:
        """Return the user's boto3 client for `service`, cached for later requests."""
        return self._call(lambda aws: aws.client(service, **options))

    def resource(self, service: str, **options: Any) -> Any:
        """Return a boto3 resource of the user for `service`."""
        return self._call(lambda aws: aws.resource(service, **options))

    async def acredentials(self) -> AwsCredentials:
        """Async version of `credentials`, in a thread. After it, `identity_id` does no I/O."""
        return await self._acall(_credentials)

    async def aclient(self, service: str, **options: Any) -> Any:
        """Async version of `client`, in a thread. The calls of the client block: run them in a thread too."""
        return await self._acall(lambda aws: aws.client(service, **options))

    @clear_frame_locals
    def _call(self, function: Callable[[UserAws], _T]) -> _T:
        """Return the result of `function` for the user's AWS; store the identity id if it has changed."""
        current = self._get_cached() or self._new()
        result = function(current.aws)
        if _has_new_identity(current):
            _store_identity(current)
        return result

    @clear_frame_locals
    async def _acall(self, function: Callable[[UserAws], _T]) -> _T:
        """Async version of `_call`: AWS requests in a thread of their own, the database in the ORM's thread."""
        await self._aload()
        current = self._get_cached() or await sync_to_async(self._new)()
        result = await sync_to_async(function, thread_sensitive=False)(current.aws)
        if _has_new_identity(current):
            await sync_to_async(_store_identity)(current)
        return result

    def _get_cached(self) -> _RequestUser | None:
        """Return the cached token and AWS of the user, or None. No I/O if the request has been loaded.

        Raises CredentialsError, and ImproperlyConfigured if there is no identity pool.
        """
        token = _require_user_token(self._token())
        if self._current is None or self._current.token is not token:
            pool, raw = _pool_of(token), self._id_token()
            if not raw:
                raise CredentialsError("an API request needs X-Cognito-Id-Token for AWS", code="id_token_required")
            aws = get_cached_aws(pool, raw)
            self._current = _RequestUser(token, aws) if aws is not None else None
        return self._current

    def _new(self) -> _RequestUser:
        """Create the AWS clients of the user, with the identity id of the link row. One query."""
        token = _require_user_token(self._token())
        identity_id = get_identity_id(token)
        self._current = _RequestUser(
            token, get_or_create_aws(_pool_of(token), self._id_token(), identity_id=identity_id)
        )
        return self._current


def _require_user_token(token: Token | None) -> Token:
    """Return the token of a signed-in user. Raises CredentialsError."""
    if token is None:
        raise CredentialsError("AWS credentials need a signed-in user", code="not_signed_in")
    if isinstance(token, ClientToken):
        raise CredentialsError("machine-to-machine tokens have no AWS credentials", code="person_required")
    return token


def _pool_of(token: Token) -> IdentityPool:
    return get_identity_pool(get_pool_registry().for_token(token.user_pool_id, token.client_id))


def _credentials(aws: UserAws) -> AwsCredentials:
    return aws.credentials.get_current()


def _has_new_identity(current: _RequestUser) -> bool:
    return current.aws.stored_identity_id != current.aws.credentials.cached_identity_id


def _store_identity(current: _RequestUser) -> None:
    """Store the identity id on the link row."""
    identity_id = current.aws.credentials.cached_identity_id
    save_identity_id(current.token, identity_id)
    current.aws.stored_identity_id = identity_id
