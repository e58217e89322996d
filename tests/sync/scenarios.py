"""What the tests of runs share: the passing of time, and tokens of users of the pool."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from django_cognito.conf.loading import get_settings
from django_cognito.core.clock import utc_now
from django_cognito.models import DIGEST_FIELDS, CognitoConfirmation, CognitoUser
from django_cognito.users.attributes.claim_sources import IdentityClaims, Source
from django_cognito.users.writing.provisioning import get_or_create_link

FAST: Any = {"requests_per_second": 10_000}


def pass_an_hour() -> None:
    """Let what is stored be an hour older: of two answers in one second the first counts."""
    hour = timedelta(hours=1)
    CognitoConfirmation.objects.update(confirmed_at=F("confirmed_at") - hour)
    for link in CognitoUser.objects.all():
        digests = {}
        for name in DIGEST_FIELDS:
            seconds, _, halves = getattr(link, name).partition(":")
            digests[name] = f"{int(seconds) - 3600}:{halves}" if seconds else ""
        moments = {"as_of": link.as_of - hour, "created_at": link.created_at - hour}
        CognitoUser.objects.filter(pk=link.pk).update(**moments, **digests)


def get_moment(**ago: float) -> datetime:
    """Return the whole second of some time ago: `get_moment(minutes=30)`."""
    return (utc_now() - timedelta(**ago)).replace(microsecond=0)


def write_token(moment: datetime, *groups: str, username: str = "user0", **source: Any) -> Any:
    """Write the claims of a token, by default of an access token with these groups, and return the link."""
    row = CognitoUser.objects.get(username=username)
    values = {"digest_field": "access_digest", "moment": moment, "groups": groups, "attributes": {}, **source}
    claims = IdentityClaims(row.user_pool_id, row.sub, username, (Source(**values),))
    return get_or_create_link(claims, get_settings())
