"""The user model that django-cognito-jwt asks for: its manager finds the person of a token."""

from typing import Any

from django.contrib.auth.models import User, UserManager


class PersonManager(UserManager[Any]):
    """What django-cognito-jwt calls."""

    def get_or_create_for_cognito(self, payload: dict[str, Any]) -> Any:
        """As in its documents: found by the subject, else made."""
        try:
            return self.get(username=payload["sub"])
        except self.model.DoesNotExist:
            return self.create_user(username=payload["sub"])


class Person(User):
    """A user, with that manager."""

    objects = PersonManager()

    class Meta:
        proxy = True
