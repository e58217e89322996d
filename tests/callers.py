"""How a test's caller comes: with a token in the Authorization header, or with a login whose token is over."""

from datetime import timedelta

from django.utils import timezone

from django_cognito.models import CognitoLogin


def bearer(raw: str) -> dict[str, str]:
    """The headers of a request with the token `raw`: `client.get(url, headers=bearer(raw))`."""
    return {"authorization": f"Bearer {raw}"}


def end_tokens() -> None:
    """Every kept login's access token has ended; only Cognito has the next."""
    CognitoLogin.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
