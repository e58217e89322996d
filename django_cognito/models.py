"""The rows: who in the pool is who here, what each Cognito group granted, and a browser's tokens. No behaviour."""

import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

# Of a link row: one for each kind of source.
DIGEST_FIELDS = ("access_digest", "id_digest", "user_info_digest", "directory_digest")


class CognitoUser(models.Model):
    """A user of a pool and the Django user that stands for them; one person may have several."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="cognito_users", verbose_name=_("user")
    )
    user_pool_id = models.CharField(_("user pool"), max_length=55)
    sub = models.CharField(_("sub"), max_length=255)
    username = models.CharField(_("Cognito username"), max_length=255)
    groups = models.JSONField(_("Cognito groups"), default=list)
    # The moment that `groups` and the profile speak of: a token's `iat`, or the time of a directory call.
    as_of = models.DateTimeField(_("as of"))
    # One digest per source, of the mapped claims last applied from it: an unchanged source causes no write. Each is
    # "<moment in seconds since 1970>:<SHA-256 in hex>"; without the moment it was written before migration 0003.
    # The 64 hex digits are two halves, each the beginning of a SHA-256: of the settings that map, of the attributes.
    # If only the moment is left, a Django group that was granted has been deleted.
    access_digest = models.CharField(max_length=96, blank=True, default="", editable=False)
    id_digest = models.CharField(max_length=96, blank=True, default="", editable=False)
    user_info_digest = models.CharField(max_length=96, blank=True, default="", editable=False)
    directory_digest = models.CharField(max_length=96, blank=True, default="", editable=False)
    # The claims whose value last written to the user was verified by Cognito: "email", "phone_number".
    verified_attributes = models.JSONField(default=list, editable=False)
    # The person's identity in the identity pool, `region:guid`; kept, because AWS gives the same one every time.
    identity_pool_id = models.CharField(max_length=55, blank=True, default="", editable=False)
    identity_id = models.CharField(_("identity id"), max_length=55, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("Cognito user")
        verbose_name_plural = _("Cognito users")
        constraints = [
            # Keyed by pool, never by issuer: a pool may change its issuer form, and its people stay who they are.
            models.UniqueConstraint(fields=["user_pool_id", "sub"], name="django_cognito_user_pool_sub"),
        ]

    def __str__(self) -> str:
        return f"{self.username} ({self.user_pool_id})"

    # The user in the database when the row was read, for `people.unlinking`: a link may be given to another user.
    loaded_user_id: Any = None

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> Self:
        """Return the instance as Django does, with `loaded_user_id`."""
        link = super().from_db(*args, **options)
        link.loaded_user_id = vars(link).get("user_id")
        return link


class FormerLink(models.Model):
    """A link that was removed from a user who still exists: linking by email never selects that user again."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="former_cognito_links", verbose_name=_("user")
    )
    user_pool_id = models.CharField(_("user pool"), max_length=55)
    sub = models.CharField(_("sub"), max_length=255)
    at = models.DateTimeField(_("removed"), auto_now_add=True)

    class Meta:
        verbose_name = _("former link")
        verbose_name_plural = _("former links")

    def __str__(self) -> str:
        return f"{self.sub} ({self.user_pool_id})"


class CognitoMembership(models.Model):
    """A Cognito group of a person, and what it granted here: only that is ever taken away again."""

    cognito_user = models.ForeignKey(
        CognitoUser, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("Cognito user")
    )
    name = models.CharField(_("Cognito group"), max_length=128, db_index=True)
    granted_groups = models.JSONField(_("granted Django groups"), default=list)  # primary keys: names may change
    granted_staff = models.BooleanField(_("granted staff status"), default=False)
    granted_superuser = models.BooleanField(_("granted superuser status"), default=False)

    class Meta:
        verbose_name = _("Cognito membership")
        verbose_name_plural = _("Cognito memberships")
        constraints = [
            models.UniqueConstraint(fields=["cognito_user", "name"], name="django_cognito_membership_user_name"),
        ]

    def __str__(self) -> str:
        return self.name


class CognitoLogin(models.Model):
    """A browser's login: its tokens, encrypted. The Django session holds nothing but this row's id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cognito_user = models.ForeignKey(
        CognitoUser, on_delete=models.CASCADE, related_name="logins", verbose_name=_("Cognito user")
    )
    tokens = models.BinaryField(editable=False)  # of login.session; opened with this row's id as associated data
    expires_at = models.DateTimeField(_("tokens end"), db_index=True)  # the first of the two
    version = models.PositiveIntegerField(default=0, editable=False)  # counts refreshes
    # One worker refreshes at a time: until this moment somebody else is at it.
    refreshing_until = models.DateTimeField(null=True, blank=True, editable=False)
    # After a refresh that could not reach Cognito: until this moment no request of this login tries again.
    retry_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When a refresh was sent whose answer is not stored: Cognito may have replaced the refresh token in `tokens`.
    refresh_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("signed in"), auto_now_add=True)

    class Meta:
        verbose_name = _("Cognito login")
        verbose_name_plural = _("Cognito logins")

    def __str__(self) -> str:
        return f"{self.cognito_user_id} {self.created_at:%Y-%m-%d %H:%M}"
