"""`{% load cognito %}`: sign-in buttons and URLs, logins, groups and scopes of the user. Must not depend on views."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from ..authorization.rights import get_rights
from ..conf.loading import get_settings
from ..conf.schema import IdentityProvider
from ..sessions.own_logins import OwnLogin, list_logins
from ..sessions.store import SESSION_KEY
from ..web.pool_selection import find_settings_for_request
from ..web.site_name import get_site_name

register = template.Library()

# The labels of the providers that have a fixed name in Cognito.
_LABELS: Mapping[str, Any] = {
    "COGNITO": _("e-mail and password"),
    "LoginWithAmazon": "Amazon",
    "SignInWithApple": "Apple",
}


_REPEATED = ("next", "login_hint", "lang", "prompt", "acr_values", "max_age")
_PROVIDERS = ("identity_provider", "idp_identifier")


@register.simple_tag(takes_context=True)
def site_name(context: template.Context) -> str:
    """Return the name of the site, or the host: `{% site_name %}`."""
    return get_site_name(_request_of(context))


@register.simple_tag(takes_context=True)
def sign_in_url(context: template.Context, **params: Any) -> str:
    """Return the URL that starts a sign-in: `{% sign_in_url next="/notes/" identity_provider="Google" %}`.

    Without `next` the user returns to the current page; on the site's own login page (LOGIN_URL) to its `next`, and the
    other parameters of that page are repeated.
    Raises ImproperlyConfigured if there is no `next` and the context has no request.
    """
    if "next" not in params:
        request = _request_of(context)
        params = {"next": request.get_full_path(), **_get_requested_params(request), **params}
    query = urlencode({name: value for name, value in params.items() if value})
    return reverse("cognito:login") + (f"?{query}" if query else "")


@register.simple_tag(takes_context=True)
def sign_in_choices(context: template.Context) -> list[dict[str, Any]]:
    """Return the buttons of this request's pool, for a template of the site: each has `url`, `label` and `kind`.

    The user returns to the `next` of the context, or to the current page if there is none. `authorize_params` of the
    context are repeated, without a provider.
    Raises ImproperlyConfigured if the context has no request.
    """
    settings = find_settings_for_request(_request_of(context))
    after = {} if context.get("next") is None else {"next": context["next"]}
    others = {name: value for name, value in (context.get("authorize_params") or {}).items() if name not in _PROVIDERS}
    return [
        {
            "url": sign_in_url(context, **others, **provider.authorize_params, **after),
            "label": label_of(provider),
            "kind": provider.name or "organization",
        }
        for provider in (settings.identity_providers if settings else ())
    ]


@register.inclusion_tag("django_cognito/sign_in_buttons.html", takes_context=True)
def sign_in_buttons(context: template.Context, next: str | None = None) -> dict[str, Any]:
    """Render a button for each of the IDENTITY_PROVIDERS of this request's pool."""
    return {"request": _request_of(context), "next": next, "authorize_params": context.get("authorize_params")}


@register.inclusion_tag("django_cognito/sign_in_by_email.html", takes_context=True)
def sign_in_by_email(context: template.Context, next: str | None = None) -> dict[str, Any]:
    """Render a field for an email address; its domain selects the provider (`domains` of IDENTITY_PROVIDERS)."""
    if next is not None:
        return {"next": next}
    request = _request_of(context)
    params = {"next": request.get_full_path(), **_get_requested_params(request)}
    params.pop("login_hint", None)  # the field's own
    return {"next": params.pop("next"), "fields": params}


@register.simple_tag
def can_be_remembered() -> bool:
    """Return whether a sign-in may choose to be remembered (REMEMBER_ME_SECONDS): `{% can_be_remembered as choice %}`.

    The choice is `remember=1` in the query of the sign-in, such as a checkbox of a form with the method GET.
    """
    return get_settings().remember_me_seconds is not None


@register.simple_tag(takes_context=True)
def own_logins(context: template.Context) -> list[OwnLogin]:
    """Return the logins of the request's user: `{% own_logins as logins %}`. Empty for an anonymous user. One query.

    Each has `id`, `browser`, `device`, `ip_address`, `signed_in_at`, `last_used_at` and `is_current`.
    """
    request = _request_of(context)
    is_user = isinstance(request.user, Model)
    return list_logins(request.user, request.session.get(SESSION_KEY, "")) if is_user else []


@register.filter
def in_group(user: Any, name: str) -> bool:
    """Return whether `user` is in the Cognito group `name`: `{% if request.user|in_group:"editors" %}`.

    At most one query for each user object. Raises CognitoUnavailableError if the groups cannot be determined.
    """
    return get_rights(user).in_group(name)


@register.filter
def has_scope(user: Any, name: str) -> bool:
    """Return whether the token of `user` has the scope `name`: `{% if request.user|has_scope:"orders/read" %}`."""
    return get_rights(user).has_scope(name)


def label_of(provider: IdentityProvider) -> Any:
    """Return the text after "Continue with" on the provider's button."""
    return provider.label or _LABELS.get(provider.name) or provider.name or provider.idp_identifier


def _get_requested_params(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of the sign-in that the site's own login page was opened for; empty on other pages.

    The login checks them.
    """
    with suppress(NoReverseMatch):
        if request.path == urlsplit(resolve_url(django_settings.LOGIN_URL)).path:
            return {name: request.GET[name] for name in _REPEATED if request.GET.get(name)}
    return {}


def _request_of(context: template.Context) -> Any:
    request = context.get("request") or getattr(context, "request", None)
    if request is None:
        raise ImproperlyConfigured(
            "django_cognito's template tags require the request: render the template with it, and add"
            " 'django.template.context_processors.request' to the context processors."
        )
    return request
