"""Choose the user of a session whose tokens have expired during an outage of Cognito. Must not depend on tokens."""

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
    may_be_granted_in_a_tenant,
    set_rights,
)
from ..conf.loading import get_settings
from ..core.clock import utc_now
from ..core.errors import CognitoUnavailableError
from ..models import CognitoLogin
from ..users.save_protection import protect_unread_changes

_OWN_VIEWS = "django_cognito.login.views"


def get_user_in_outage(
    match: ResolverMatch | None, user: Any, login: CognitoLogin, failure: CognitoUnavailableError
) -> Any:
    """Return `user` without Cognito rights for the view of `match`, or an anonymous user. At most two queries.

    The session and the login are not changed. A user to whom Cognito granted nothing is returned for
    SESSION_GRACE_SECONDS after the tokens have expired, then an anonymous user. Sign-out views, the views of this
    package and views marked `login_not_required` always get the user.

    Raises `failure` at any other view if Cognito granted the user anything.
    """
    view = None if match is None else match.func
    is_admin_logout = match is not None and match.url_name == "logout" and "admin" in match.app_names
    is_logout = is_admin_logout or issubclass(getattr(view, "view_class", object), LogoutView)
    if not is_logout and getattr(view, "__module__", "") != _OWN_VIEWS:
        grants = read_grants(user)
        # DRF marks each of its views as open, whatever permissions the view requires.
        is_drf = hasattr(getattr(view, "cls", None), "authentication_classes")
        if not is_drf and not getattr(view, "login_required", True):
            _hide_grants(user, grants)
        elif (
            grants != NOTHING
            or get_mapped_permissions(rights := get_rights(user))
            or may_be_granted_in_a_tenant(rights)
        ):
            raise failure
        elif utc_now() >= login.expires_at + timedelta(seconds=get_settings().session_grace_seconds):
            return AnonymousUser()
    set_rights(user, UnavailableRights(failure=failure))
    return user


def resolve_view(request: HttpRequest) -> ResolverMatch | None:
    """Return the request's view; None if no URL pattern matches.

    Resolve it if Django has not done so yet: a middleware may read the user earlier.
    """
    if request.resolver_match is not None:
        return request.resolver_match
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return None


def _hide_grants(user: Any, grants: Granted) -> None:
    """Remove the grants of Cognito from the object in memory. The database is not changed, also if it is saved."""
    hidden = [name for name, granted in (("is_staff", grants.staff), ("is_superuser", grants.superuser)) if granted]
    for name in hidden:
        setattr(user, name, False)
    drop_permission_caches(user)  # an earlier middleware may have filled them
    if grants.groups:
        user._group_perm_cache = set()  # ModelBackend's cache of the permissions of Django groups
    protect_unread_changes(user, hidden=hidden)
