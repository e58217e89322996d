"""`{% load cognito %}`: buttons that sign in, and the addresses behind them. Renders; decides nothing."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from ..login.asked import parameters_of
from ..login.tenant import settings_here
from ..typed_settings import IdentityProvider

register = template.Library()

# What the providers are called that Cognito knows by a name of its own.
_LABELS: Mapping[str, Any] = {
    "COGNITO": _("e-mail and password"),
    "LoginWithAmazon": "Amazon",
    "SignInWithApple": "Apple",
}


@register.simple_tag(takes_context=True)
def sign_in_url(context: template.Context, **asked: Any) -> str:
    """The address at which a sign-in begins: `{% sign_in_url next="/notes/" identity_provider="Google" %}`.

    Without `next` it comes back to the page that it stands on.
    """
    request = context["request"]
    query = {"next": request.get_full_path(), **asked}
    return f"{reverse('cognito:login')}?{urlencode({name: value for name, value in query.items() if value})}"


@register.inclusion_tag("django_cognito/sign_in_buttons.html", takes_context=True)
def sign_in_buttons(context: template.Context, next: str | None = None) -> dict[str, Any]:
    """A button for each of IDENTITY_PROVIDERS of this request's pool; none where it names none."""
    after = {} if next is None else {"next": next}
    buttons = [
        {
            "url": sign_in_url(context, **parameters_of(provider), **after),
            "label": label_of(provider),
            "kind": provider.name or "organization",
        }
        for provider in _providers(context["request"])
    ]
    return {"buttons": buttons}


@register.inclusion_tag("django_cognito/sign_in_by_email.html", takes_context=True)
def sign_in_by_email(context: template.Context, next: str | None = None) -> dict[str, Any]:
    """A field for an e-mail address, whose domain decides where its owner signs in (IDENTITY_PROVIDERS' `domains`)."""
    return {"next": context["request"].get_full_path() if next is None else next}


def label_of(provider: IdentityProvider) -> Any:
    """What the provider's button says behind "Continue with"."""
    return provider.label or _LABELS.get(provider.name) or provider.name or provider.idp_identifier


def _providers(request: Any) -> tuple[IdentityProvider, ...]:
    here = settings_here(request)
    return here.identity_providers if here else ()
