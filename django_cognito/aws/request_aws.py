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
from ..users.provisioning import Token
from .client_cache import UserAws, get_cached_aws, get_or_create_aws

_T = TypeVar("_T")


class _Known(NamedTuple):
    """Whom a request has been found to be, and their AWS."""

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
        self._known: _Known | None = None

    def __repr__(self) -> str:
        return "<Aws>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a person's AWS is not pickled")

    @property
    def identity_id(self) -> str:
        """The user's identity id, `region:guid`, as S3 prefixes and policies use it. Fetched once, then stored."""
        return self._given(_identity_id)

    @property
    def credentials(self) -> AwsCredentials:
        """Temporary credentials that have not expired."""
        return self._given(_credentials)

    @property
    def session(self) -> Any:
        """A `boto3.Session` of the user. It is not thread-safe."""
        return self._given(UserAws.session)

    def client(self, service: str, **options: Any) -> Any:
        """Return the user's boto3 client for `service`, cached for later requests."""
        return self._given(lambda person: person.client(service, **options))

    def resource(self, service: str, **options: Any) -> Any:
        """Return a boto3 resource of the user for `service`."""
        return self._given(lambda person: person.resource(service, **options))

    async def acredentials(self) -> AwsCredentials:
        """As `credentials`; AWS is asked in a thread. After it, `identity_id` does no I/O."""
        return await self._agiven(_credentials)

    async def aclient(self, service: str, **options: Any) -> Any:
        """As `client`; AWS is asked in a thread. The client's own calls block: make them in a thread too."""
        return await self._agiven(lambda person: person.client(service, **options))

    @clear_frame_locals
    def _given(self, give: Callable[[UserAws], _T]) -> _T:
        """Return the result of `give` for the user's AWS; store the identity id if it has changed."""
        known = self._kept() or self._new()
        given = give(known.aws)
        if _has_news(known):
            _keep(known)
        return given

    @clear_frame_locals
    async def _agiven(self, give: Callable[[UserAws], _T]) -> _T:
        """As `_given`. AWS is asked in a thread of its own, the database in the one that the ORM lives in."""
        await self._aload()
        known = self._kept() or await sync_to_async(self._new)()
        given = await sync_to_async(give, thread_sensitive=False)(known.aws)
        if _has_news(known):
            await sync_to_async(_keep)(known)
        return given

    def _kept(self) -> _Known | None:
        """Return the cached token and AWS of the user, or None. No I/O if the request has been loaded.

        Raises CredentialsError, and ImproperlyConfigured if there is no identity pool.
        """
        token = _of_a_person(self._token())
        if self._known is None or self._known.token is not token:
            pool, raw = _pool_of(token), self._id_token()
            if not raw:
                raise CredentialsError("an API request needs X-Cognito-Id-Token for AWS", code="id_token_required")
            aws = get_cached_aws(pool, raw)
            self._known = _Known(token, aws) if aws is not None else None
        return self._known

    def _new(self) -> _Known:
        """A beginning, with the identity id of the person's link row. One query."""
        token = _of_a_person(self._token())
        identity_id = get_identity_id(token)
        self._known = _Known(token, get_or_create_aws(_pool_of(token), self._id_token(), identity_id=identity_id))
        return self._known


def _of_a_person(token: Token | None) -> Token:
    """Return the token of a signed-in user. Raises CredentialsError."""
    if token is None:
        raise CredentialsError("AWS credentials are for people who are signed in", code="not_signed_in")
    if isinstance(token, ClientToken):
        raise CredentialsError("AWS credentials are for people, and a machine calls", code="person_required")
    return token


def _pool_of(token: Token) -> IdentityPool:
    return get_identity_pool(get_pool_registry().for_token(token.user_pool_id, token.client_id))


def _credentials(person: UserAws) -> AwsCredentials:
    return person.credentials.get_current()


def _identity_id(person: UserAws) -> str:
    person.credentials.get_current()  # AWS may name another than the one that was kept, where it has merged two
    return person.credentials.identity_id


def _has_news(known: _Known) -> bool:
    return known.aws.stored_identity_id != known.aws.credentials.cached_identity_id


def _keep(known: _Known) -> None:
    """Store the identity id on the link row."""
    identity_id = known.aws.credentials.cached_identity_id
    save_identity_id(known.token, identity_id)
    known.aws.stored_identity_id = identity_id
