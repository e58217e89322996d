"""The user of a session whose tokens have expired while Cognito cannot be reached. Knows no tokens."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, resolve

from ..authorization.group_mapping import NOTHING, Granted
from ..authorization.memberships import read_grants
from ..authorization.rights import (
    UnavailableRights,
    drop_permission_caches,
    get_mapped_permissions,
    get_rights,
    set_rights,
)
from ..conf.loading import get_settings
from ..core.clock import utc_now
from ..core.errors import CognitoUnavailableError
from ..models import CognitoLogin
from ..users.save_protection import protect_unread_changes

_OUR_VIEWS = "django_cognito.login.views"


def user_in_outage(
    match: ResolverMatch | None, user: Any, login: CognitoLogin, failure: CognitoUnavailableError
) -> Any:
    """Return `user` without Cognito rights for the view of `match`, or an anonymous user. Session and login stay.

    A user to whom Cognito granted nothing is returned for SESSION_GRACE_SECONDS after the tokens have expired, then an
    anonymous user. Views that sign out, our own views and views marked `login_not_required` always get the user. At
    most two queries.

    Raises `failure` at any other view if Cognito granted the user anything.
    """
    if not _is_ours_or_logout(match):
        grants = read_grants(user)
        if _is_open(match):
            _hide_grants(user, grants)
        elif grants != NOTHING or get_mapped_permissions(get_rights(user)):
            raise failure
        elif utc_now() >= login.expires_at + timedelta(seconds=get_settings().session_grace_seconds):
            return AnonymousUser()
    set_rights(user, UnavailableRights(failure=failure))
    return user


def find_view(request: HttpRequest) -> ResolverMatch | None:
    """Return the request's view, also before Django has resolved it: a middleware may read the user earlier."""
    if request.resolver_match is not None:
        return request.resolver_match
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return None


def _is_ours_or_logout(match: ResolverMatch | None) -> bool:
    if match is None:
        return False
    is_admin_logout = match.url_name == "logout" and "admin" in match.app_names
    is_django_logout = issubclass(getattr(match.func, "view_class", object), LogoutView)
    return is_admin_logout or is_django_logout or match.func.__module__ == _OUR_VIEWS


def _is_open(match: ResolverMatch | None) -> bool:
    if match is None or hasattr(getattr(match.func, "cls", None), "authentication_classes"):
        return False  # DRF marks each of its views, whatever permissions it requires
    return not getattr(match.func, "login_required", True)


def _hide_grants(user: Any, grants: Granted) -> None:
    """Take from the object in memory what Cognito granted. Saving it writes the database's values back."""
    hidden = [name for name, granted in (("is_staff", grants.staff), ("is_superuser", grants.superuser)) if granted]
    for name in hidden:
        setattr(user, name, False)
    drop_permission_caches(user)  # a middleware before ours may have filled them
    if grants.groups:
        user._group_perm_cache = set()  # of ModelBackend: the permissions of the Django groups
    protect_unread_changes(user, hidden=hidden)
