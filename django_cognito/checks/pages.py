"""Checks that pages exist: those to which a login redirects, and the login to which the admin redirects."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import global_settings, settings
from django.core import checks
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, get_script_prefix, resolve, reverse

from ..conf.pool_registry import PoolRegistry
from . import site_parts

_CHECKS = (
    ("LOGIN_URL", "django_cognito.W120", "Set LOGIN_URL = 'cognito:login'."),
    ("LOGIN_REDIRECT_URL", "django_cognito.W121", "Set LOGIN_REDIRECT_URL to a page of the site, such as '/'."),
    ("LOGOUT_REDIRECT_URL", "django_cognito.W121", "Set LOGOUT_REDIRECT_URL to a page of the site, such as '/'."),
)


def check_pages(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the three settings name pages, if the login URLs are installed."""
    for name, check_id, next_step in _CHECKS if site_parts.find_callback_path() is not None else ():
        value = getattr(settings, name)
        if value is None or _has_page(value):
            continue
        # `reverse_lazy` of a name that does not exist has no text.
        shown = repr(value) if isinstance(value, str) else "a lazy URL"
        is_default = isinstance(value, str) and value == getattr(global_settings, name)
        message = f"{name} is {shown}{', the default of Django' * is_default}, and no page has this URL."
        hint = f"{next_step} If another server has that page, silence this check."
        yield checks.Warning(message, hint=hint, id=check_id)


def check_admin(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that an admin site of this package has the login to which it redirects."""
    if not getattr(settings, "ROOT_URLCONF", None) or site_parts.find_callback_path() is not None:
        return
    try:
        index = resolve(_remove_script_prefix(reverse("admin:index"))).func
    except NoReverseMatch:
        return
    site: Any = getattr(index, "admin_site", None)  # set by Django's AdminSite.get_urls
    if any(cls.__module__.startswith("django_cognito.admin") for cls in type(site).__mro__):
        message = "The admin signs in with Cognito, and the login URLs are not installed: its login is an error 500."
        hint = "Add path('auth/', include('django_cognito.urls')) to the URLconf, or use Django's AdminConfig."
        yield checks.Error(message, hint=hint, id="django_cognito.E026")


def _has_page(value: Any) -> bool:
    """Return whether `value`, a URL or the name of one, is a URL of the URLconf, or of another site."""
    try:
        url = urlsplit(resolve_url(value))
    except NoReverseMatch:
        return False
    path = _remove_script_prefix(url.path)
    # CommonMiddleware appends a slash, LocaleMiddleware inserts a language.
    paths = [path, *([f"{path}/"] if settings.APPEND_SLASH else []), f"/{settings.LANGUAGE_CODE}{path}"]
    return bool(url.netloc) or any(map(site_parts.find_view, paths))


def _remove_script_prefix(path: str) -> str:
    return "/" + path.removeprefix(get_script_prefix()).lstrip("/")
