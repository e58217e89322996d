"""Write into the row of a new login by what its user recognises it. Must not depend on tokens."""

from django.http import HttpRequest

from ...core.clock import utc_now
from ...models import CognitoLogin
from .client_ip import get_client_ip
from .user_agents import clean_user_agent


def store_client_details(login: CognitoLogin, request: HttpRequest) -> None:
    """Set `user_agent`, `ip_address` and `last_used_at` of a login that is not saved yet. No I/O."""
    login.last_used_at = utc_now()
    login.user_agent = clean_user_agent(request.headers.get("User-Agent", ""))
    login.ip_address = get_client_ip(request)
