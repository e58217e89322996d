"""The recipe for presigned URLs (docs/aws.md): a URL is not valid longer than the credentials that sign it."""

import time
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from django_cognito.aws.client_cache import UserAws
from django_cognito.aws.credentials import UserCredentials
from tests.support.guide import load_object

from .identity_endpoint import IdentityEndpoint


@pytest.mark.parametrize(("life_seconds", "least", "most"), [(3_600, 300, 300), (120, 100, 120)])
def test_presigned_url_expires_with_the_credentials(life_seconds: float, least: int, most: int) -> None:
    with IdentityEndpoint(time.time, life_seconds=life_seconds) as endpoint:
        user_aws = UserAws(UserCredentials(endpoint.pool, "an ID token"), "eu-west-1")
        identity_id, credentials = user_aws.credentials.identity_id, user_aws.credentials.get_current()
        aws = SimpleNamespace(identity_id=identity_id, credentials=credentials, client=user_aws.client)
        request = SimpleNamespace(cognito=SimpleNamespace(aws=aws))
        response = load_object("aws", "download")(request, "notes.txt")
    url = urlsplit(response["Location"])
    query = parse_qs(url.query)
    (seconds,) = query.get("X-Amz-Expires") or [str(int(query["Expires"][0]) - time.time())]
    assert least - 2 <= float(seconds) <= most
    assert url.path.endswith(f"/{identity_id}/notes.txt".replace(":", "%3A"))
