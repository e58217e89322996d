"""The USER_ADAPTER of the tests with TenantUser."""

from typing import Any

from django_cognito.users import UserAdapter, UserRefusedError

from .models import Organisation


class TenantAdapter(UserAdapter):
    """Sets the organisation of a new user from the claim `custom:tenant`, and refuses a user without one."""

    claims = ("custom:tenant",)

    def fill_user(self, user: Any, identity: Any) -> None:
        """Set the required organisation."""
        self.after_sync(user, identity, is_new=True)

    def after_sync(self, user: Any, identity: Any, *, is_new: bool) -> None:
        """Follow the claim."""
        tenant = identity.claims.get("custom:tenant")
        if tenant:
            user.organisation = Organisation.objects.get_or_create(name=tenant)[0]
        elif is_new:
            raise UserRefusedError("no_tenant", "Send the ID token too, in X-Cognito-Id-Token.")
