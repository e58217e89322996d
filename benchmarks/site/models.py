"""The user model that django-cognito-jwt requires: its manager returns the user of a token."""

from typing import Any

from django.contrib.auth.models import User, UserManager


class CognitoUserManager(UserManager[Any]):
    """The manager with the method that django-cognito-jwt calls."""

    def get_or_create_for_cognito(self, payload: dict[str, Any]) -> Any:
        """Return the user with the `sub` as username, or create it, as in the documentation of django-cognito-jwt."""
        try:
            return self.get(username=payload["sub"])
        except self.model.DoesNotExist:
            return self.create_user(username=payload["sub"])


class CognitoUser(User):
    """A user with this manager."""

    objects = CognitoUserManager()

    class Meta:
        proxy = True
