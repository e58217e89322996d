"""The tables: links between Cognito and Django users, the grants of Cognito groups, and session tokens.

Must not depend on tokens or settings.
"""

import uuid
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _

# The backend and the middleware import this module too. Django's own error would not name the line to add.
if not apps.is_installed("django_cognito"):
    raise ImproperlyConfigured(
        "django_cognito is not in INSTALLED_APPS. Add the line 'django_cognito' to it, after 'django.contrib.auth'."
    )

# The endpoints that issued the tokens of a login.
ISSUED_BY = (("hosted_ui", _("hosted UI")), ("api", _("user-pool API")))
# Of a link row: one for each kind of source.
DIGEST_FIELDS = ("access_digest", "id_digest", "user_info_digest", "directory_digest")


if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField  # cannot be subscripted


class ExactCharField(_CharField):
    """Text that every database compares exactly.

    By default MySQL and MariaDB treat texts as equal that differ only in case or accents, MariaDB also in trailing
    spaces; Cognito does not. There the column gets a binary collation that does not pad; other databases
    compare exactly by their defaults.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Return Django's parameters of the column, with the collation on MySQL and MariaDB."""
        parameters: dict[str, Any] = super().db_parameters(connection)
        if connection.vendor == "mysql":
            is_mariadb = connection.mysql_is_mariadb  # type: ignore[attr-defined]  # of Django's MySQL backend alone
            parameters["collation"] = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        return parameters


class CognitoUser(models.Model):
    """The link of a Cognito user to a Django user; a Django user may have several links."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="cognito_users", verbose_name=_("user")
    )
    user_pool_id = ExactCharField(_("user pool"), max_length=55)
    sub = ExactCharField(_("sub"), max_length=255)
    username = models.CharField(_("Cognito username"), max_length=255)
    groups = models.JSONField(_("Cognito groups"), default=list)
    # The moment of `groups` and the attributes: a token's `iat`, or the time of a directory call.
    as_of = models.DateTimeField(_("as of"))
    # One digest per source, of the mapped claims last applied from it: an unchanged source causes no write. Each is
    # "<moment in seconds since 1970>:<SHA-256 in hex>"; without the moment it was written before migration 0003.
    # The 64 hex digits are two halves, each the beginning of a SHA-256: of the settings that map, of the attributes.
    # If only the moment is left, a Django group that was granted has been deleted.
    access_digest = models.CharField(max_length=96, blank=True, default="", editable=False)
    id_digest = models.CharField(max_length=96, blank=True, default="", editable=False)
    user_info_digest = models.CharField(max_length=96, blank=True, default="", editable=False)
    directory_digest = models.CharField(max_length=96, blank=True, default="", editable=False)
    # A digest of the entry of the directory that a run of `cognito_sync` has written to this row: see
    # `authorization.confirmed_moments`. Empty if the row was changed since, or was never listed. If only the first
    # character is left, the row was confirmed, but is to be written again.
    listed_digest = models.CharField(max_length=33, blank=True, default="", editable=False)
    # The claims whose value last written to the user was verified by Cognito: "email", "phone_number".
    verified_attributes = models.JSONField(default=list, editable=False)
    # By key of ATTRIBUTES, a digest of the value that a claim of this link has set in the user's field: only such a
    # value is ever cleared. See `users.field_values`.
    claim_fields = models.JSONField(default=dict, editable=False)
    # The username that the user was created with because no token had the claim USERNAME yet; empty otherwise.
    placeholder_username = models.CharField(max_length=255, blank=True, default="", editable=False)
    # What Cognito reported: False for a disabled user, and when the user was found to be deleted there.
    enabled = models.BooleanField(_("enabled in Cognito"), default=True)
    gone_at = models.DateTimeField(_("deleted in Cognito"), null=True, blank=True)
    # Tokens of sign-ins at or before this moment are rejected; see `users.revocation`.
    not_before = models.DateTimeField(_("sign-ins valid after"), null=True, blank=True, editable=False)
    # Whether the first token or the directory created the user: False if a link was added to a user who existed. None
    # for rows from before migration 0008.
    created_user = models.BooleanField(null=True, editable=False)
    # Whether MIRROR_ENABLED deactivated the user because of this link: only such a user is ever activated again.
    deactivated_user = models.BooleanField(default=False, editable=False)
    # The user's identity in the identity pool, `region:guid`; stored, because AWS returns the same one every time.
    identity_pool_id = ExactCharField(max_length=55, blank=True, default="", editable=False)
    identity_id = models.CharField(_("identity id"), max_length=55, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("Cognito user")
        verbose_name_plural = _("Cognito users")
        constraints = [
            # Keyed by pool, never by issuer: the issuer of a pool may change its form, and the users remain the same.
            models.UniqueConstraint(fields=["user_pool_id", "sub"], name="django_cognito_user_pool_sub"),
        ]

    def __str__(self) -> str:
        return f"{self.username} ({self.user_pool_id})"

    # The user in the database when the row was read, for `users.unlinking`: a link may be given to another user.
    loaded_user_id: Any = None

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> Self:
        """Return the instance as Django does, with `loaded_user_id`."""
        link = super().from_db(*args, **options)
        link.loaded_user_id = vars(link).get("user_id")
        return link

    def load_user(self, using: str | None = None) -> Any:
        """Return `user`, by default from the database that this row was read from: a replica of it may lag.

        One query, unless the user is loaded.
        """
        field: Any = type(self)._meta.get_field("user")
        if not field.is_cached(self):
            self.user = field.related_model._base_manager.using(using or self._state.db).get(pk=self.user_id)
        return self.user


class FormerLink(models.Model):
    """A link that was removed from a user who still exists: linking by email never selects that user again."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="former_cognito_links", verbose_name=_("user")
    )
    user_pool_id = ExactCharField(_("user pool"), max_length=55)
    sub = ExactCharField(_("sub"), max_length=255)
    at = models.DateTimeField(_("removed"), auto_now_add=True)

    class Meta:
        verbose_name = _("former link")
        verbose_name_plural = _("former links")

    def __str__(self) -> str:
        return f"{self.sub} ({self.user_pool_id})"


class CognitoMembership(models.Model):
    """A Cognito group of a user, and a record of its grants: only these are ever revoked."""

    cognito_user = models.ForeignKey(
        CognitoUser, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("Cognito user")
    )
    name = ExactCharField(_("Cognito group"), max_length=128, db_index=True)
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


class LoginQuerySet(models.QuerySet["CognitoLogin"]):
    """A queryset of logins."""

    def active(self) -> Self:
        """Return the logins that have not ended. Others only wait until Cognito has revoked their refresh token."""
        return self.filter(ended_at=None)


class CognitoLogin(models.Model):
    """The login of a browser session: its tokens, encrypted. The Django session contains only the id of this row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cognito_user = models.ForeignKey(
        CognitoUser, on_delete=models.CASCADE, related_name="logins", verbose_name=_("Cognito user")
    )
    tokens = models.BinaryField(
        editable=False
    )  # encrypted by sessions.store, with the id of this row as associated data
    expires_at = models.DateTimeField(_("tokens end"), db_index=True)  # the first of the two
    version = models.PositiveIntegerField(default=0, editable=False)  # counts refreshes
    # One worker refreshes at a time: until this moment another worker has the lease.
    refreshing_until = models.DateTimeField(null=True, blank=True, editable=False)
    # After a refresh that could not reach Cognito: until this moment no request of this login tries again. After the
    # login has ended: until this moment no request tries again to revoke its refresh token.
    retry_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When a refresh was sent whose response is not stored: Cognito may have replaced the refresh token in `tokens`.
    refresh_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Which endpoints refresh and revoke the tokens: those of the hosted UI, or the user-pool API.
    issued_by = models.CharField(max_length=16, choices=ISSUED_BY, default="hosted_ui", editable=False)
    # The claim of all tokens of this sign-in and of its refreshes; empty if the pool does not issue it.
    origin_jti = ExactCharField(max_length=255, blank=True, default="", db_index=True, editable=False)
    created_at = models.DateTimeField(_("signed in"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)  # written every few minutes at most
    user_agent = models.CharField(_("browser"), max_length=255, blank=True, default="")  # the header at the sign-in
    ip_address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)  # by CLIENT_IP, at the sign-in
    # When the login ended on this site. The row is deleted once Cognito has revoked the refresh token, or it expired.
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, db_index=True, editable=False)

    # The decrypted tokens, set by sessions.store; only in memory.
    opened_tokens: Any = None

    objects = LoginQuerySet.as_manager()

    class Meta:
        verbose_name = _("Cognito login")
        verbose_name_plural = _("Cognito logins")

    def __str__(self) -> str:
        return f"{self.cognito_user_id} {self.created_at:%Y-%m-%d %H:%M}"

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickles and copies, without decrypted tokens."""
        state: dict[str, Any] = super().__getstate__()
        state.pop("opened_tokens", None)
        return state


class CognitoSync(models.Model):
    """The runs of `cognito_sync` for one user pool. Until `held_until` one run holds the pool."""

    user_pool_id = ExactCharField(_("user pool"), max_length=55, unique=True)
    run_id = models.UUIDField(null=True, editable=False)
    held_until = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(_("started"), null=True)
    # Of the last run that read the whole pool.
    completed_at = models.DateTimeField(_("completed"), null=True)

    class Meta:
        verbose_name = _("pool synchronization")
        verbose_name_plural = _("pool synchronizations")

    def __str__(self) -> str:
        return self.user_pool_id


class CognitoConfirmation(models.Model):
    """The moment as of which the rows of a user pool count that have a `listed_digest`: of the last complete run.

    A row of its own, because sign-ins lock it. A run that holds the pool does not wait for them.
    """

    user_pool_id = ExactCharField(max_length=55, unique=True, editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.user_pool_id
