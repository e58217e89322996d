"""The URL of the login, for responses of APIs and scripts. Must not depend on settings of `COGNITO`."""

from django.urls import NoReverseMatch, reverse


def find_login_url(query: str = "", page: str = "login") -> str:
    """Return the path of the login with `query`; empty if the site does not include the login URLs.

    `page` is the name of the URL: "login" or "step_up".
    """
    try:
        path = reverse(f"cognito:{page}")
    except NoReverseMatch:
        return ""
    return f"{path}?{query}" if query else path
