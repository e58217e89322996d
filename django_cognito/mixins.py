"""Mixins for class-based views: required groups, scopes, recent sign-ins, MFA and live checks.

They apply the decorators of `decorators`, which have the rules.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.views import View

from .authorization.rights import require_names
from .decorators import (
    group_required,
    live_check_required,
    mfa_required,
    recent_sign_in_required,
    scope_required,
)
from .sessions.step_up import MFA_ACR_VALUES
from .users.live_check import DEFAULT_SECONDS, LiveSource

_View = Callable[..., Any]


class _RequirementMixin:
    """Calls `dispatch` only for requests that the decorator lets pass. Write the mixins before the view class."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Raise TypeError for a class whose `dispatch` is the view's: it would be called without a check."""
        super().__init_subclass__(**kwargs)
        order = cls.__mro__
        if View in order and order.index(View) < order.index(_RequirementMixin):
            raise TypeError(f"{cls.__name__}: write the mixins of django_cognito before the view class.")

    def get_decorator(self) -> Callable[[_View], _View]:
        """Return the decorator with the attributes of this view."""
        raise NotImplementedError

    @classmethod
    def as_view(cls, **initkwargs: Any) -> _View:
        """Return the view. Raises ImproperlyConfigured, at the import of the URLs, if the requirement is missing."""
        cls(**initkwargs)._list_decorators()
        view: _View = super().as_view(**initkwargs)  # type: ignore[misc]
        return view

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the response of the view, or that of the first decorator that refuses the request."""
        dispatch: Any = super().dispatch  # type: ignore[misc]

        async def call_async(*args: Any, **kwargs: Any) -> Any:  # the decorators look for a coroutine function
            return await dispatch(*args, **kwargs)

        view = call_async if self.view_is_async else dispatch  # type: ignore[attr-defined]
        for decorator in reversed(self._list_decorators()):
            view = decorator(view)
        return view(request, *args, **kwargs)

    def _list_decorators(self) -> list[Callable[[_View], _View]]:
        """Return the decorators of all mixins of the class: this `dispatch` is called once for all of them."""
        mixins = [
            cls for cls in type(self).__mro__ if issubclass(cls, _RequirementMixin) and cls is not _RequirementMixin
        ]
        return [cls.get_decorator(self) for cls in mixins if "get_decorator" in vars(cls)]

    def _require_names(self, attribute: str) -> tuple[str, ...]:
        """Return the names in an attribute: a list or tuple of at least one string. A string alone is an error."""
        names = getattr(self, attribute)
        try:
            return require_names(() if isinstance(names, str) else tuple(names))
        except TypeError as error:
            message = f"{type(self).__name__}.{attribute} must be a list of at least one name, such as ['editors']."
            raise ImproperlyConfigured(message) from error


class GroupRequiredMixin(_RequirementMixin):
    """Require one of the Cognito groups in `required_groups`, as `group_required`."""

    required_groups: Sequence[str] = ()

    def get_decorator(self) -> Callable[[_View], _View]:
        """Return `group_required` with the groups."""
        return group_required(*self._require_names("required_groups"))


class ScopeRequiredMixin(_RequirementMixin):
    """Require all scopes in `required_scopes`, as `scope_required`."""

    required_scopes: Sequence[str] = ()

    def get_decorator(self) -> Callable[[_View], _View]:
        """Return `scope_required` with the scopes."""
        return scope_required(*self._require_names("required_scopes"))


class RecentSignInRequiredMixin(_RequirementMixin):
    """Require a sign-in at Cognito in the last `recent_sign_in_seconds` (300), as `recent_sign_in_required`."""

    recent_sign_in_seconds: int = 300

    def get_decorator(self) -> Callable[[_View], _View]:
        """Return `recent_sign_in_required` with the seconds."""
        return recent_sign_in_required(self.recent_sign_in_seconds)


class MfaRequiredMixin(_RequirementMixin):
    """Require a sign-in with a second factor, as `mfa_required`. `acr_values` lists the accepted values of `acr`."""

    acr_values: Sequence[str] = MFA_ACR_VALUES

    def is_mfa_required(self, request: HttpRequest) -> bool:
        """Return whether the rule applies to this request. Must do no I/O in an async view."""
        return True

    def get_decorator(self) -> Callable[[_View], _View]:
        """Return `mfa_required` with the condition and the levels."""
        return mfa_required(when=self.is_mfa_required, acr_values=self.acr_values)  # type: ignore[no-any-return]


class LiveCheckRequiredMixin(_RequirementMixin):
    """Require that Cognito accepts the user now, as `live_check_required` with the same arguments."""

    live_check_by: LiveSource = "get_user"
    live_check_seconds: int = DEFAULT_SECONDS
    live_check_groups: Sequence[str] | None = None

    def get_decorator(self) -> Callable[[_View], _View]:
        """Return `live_check_required` with the attributes."""
        return live_check_required(  # type: ignore[no-any-return]
            by=self.live_check_by, seconds=self.live_check_seconds, groups=self.live_check_groups
        )
