"""AWS in the name of the person behind a request: `request.cognito.aws`. Ties it to their link row."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async

from ..core import ClientToken
from ..core.errors import CredentialsError
from ..core.identity_pool import AwsCredentials
from ..people.users import Token, identity_of, keep_identity
from .clients import PersonAws, kept_aws, new_aws


class Aws:
    """S3, DynamoDB and the rest, with the credentials that the identity pool gives this person, and nobody else's.

    Nothing is asked of AWS before it is needed; credentials are renewed before they end. Everything here raises
    CredentialsError where the person has none (codes "not_signed_in", "person_required" for a machine,
    "id_token_required" for an API request without its `X-Cognito-Id-Token`, or AWS's refusal with `aws_code`), and
    CognitoUnavailableError where Cognito cannot be asked.
    """

    def __init__(self, token: Callable[[], Token | None], id_token: Callable[[], str]) -> None:
        self._token = token
        self._id_token = id_token

    def __repr__(self) -> str:
        return "<Aws>"

    @property
    def identity_id(self) -> str:
        """The person's identity, `region:guid`: what S3 prefixes and policies name. Asked of AWS once, then kept."""
        return self._settled(self._person()).credentials.identity_id

    @property
    def credentials(self) -> AwsCredentials:
        """Temporary credentials with time left."""
        return self._settled(self._person()).credentials.current()

    @property
    def session(self) -> Any:
        """A `boto3.Session` of the person. Not to be shared among threads, as boto3 says of sessions."""
        return self._settled(self._person()).session()

    def client(self, service: str, **options: Any) -> Any:
        """The person's boto3 client for `service`, kept for their next request."""
        return self._settled(self._person()).client(service, **options)

    def resource(self, service: str, **options: Any) -> Any:
        """A boto3 resource of the person for `service`."""
        return self._settled(self._person()).resource(service, **options)

    async def acredentials(self) -> AwsCredentials:
        """As `credentials`; AWS is asked in a thread."""
        person = await self._asettled()
        return await sync_to_async(person.credentials.current, thread_sensitive=False)()

    async def aclient(self, service: str, **options: Any) -> Any:
        """As `client`; AWS is asked in a thread. The client's own calls block: make them in a thread too."""
        person = await self._asettled()
        return await sync_to_async(person.client, thread_sensitive=False)(service, **options)

    def _person(self) -> PersonAws:
        """What is kept of the person, or a beginning with the identity id of their link row."""
        token, raw = self._required()
        return kept_aws(raw) or new_aws(raw, identity_id=identity_of(token))

    def _settled(self, person: PersonAws) -> PersonAws:
        """The same, once its identity id is known, and kept on the link row."""
        person.credentials.current()
        self._keep(person)
        return person

    async def _asettled(self) -> PersonAws:
        person = await sync_to_async(self._person)()
        await sync_to_async(person.credentials.current, thread_sensitive=False)()
        await sync_to_async(self._keep)(person)
        return person

    def _keep(self, person: PersonAws) -> None:
        identity_id = person.credentials.identity_id
        if person.kept_identity_id != identity_id:
            keep_identity(self._required()[0], identity_id)
            person.kept_identity_id = identity_id

    def _required(self) -> tuple[Token, str]:
        """The verified token and the raw ID token of the person. Raises CredentialsError."""
        token = self._token()
        if token is None:
            raise CredentialsError("AWS credentials are for people who are signed in", code="not_signed_in")
        if isinstance(token, ClientToken):
            raise CredentialsError("AWS credentials are for people, and a machine calls", code="person_required")
        raw = self._id_token()
        if not raw:
            raise CredentialsError("an API request needs X-Cognito-Id-Token for AWS", code="id_token_required")
        return token, raw
