"""User models like those of sites; the settings of this directory select one of them."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class Desk(models.Model):
    """A related row to which the user model refers."""

    room = models.CharField(max_length=8)

    def __str__(self) -> str:
        return self.room


class EmailUser(AbstractBaseUser):
    """Signs in with a required email address; has no groups, permissions or flags."""

    desk = models.OneToOneField(Desk, null=True, on_delete=models.SET_NULL)
    email = models.EmailField(unique=True)
    address = models.JSONField(default=dict)
    age = models.PositiveSmallIntegerField(null=True)
    photo = models.FileField(blank=True)
    seal = models.BinaryField(default=b"")

    USERNAME_FIELD = "email"
    objects = BaseUserManager()


class UniqueEmailUser(AbstractUser):
    """Django's user with an email address that is unique regardless of case."""

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_user_an_email"),
            models.UniqueConstraint(Lower("username"), name="one_user_a_name"),
            models.UniqueConstraint("first_name", condition=models.Q(first_name="Only"), name="one_only"),
        ]


class CaseInsensitiveManager(BaseUserManager):
    """A manager whose local logins ignore the case of the username."""

    def get_by_natural_key(self, username: str | None) -> Any:
        """Return the user with this name in any case."""
        return self.get(name__iexact=username)


class NamelessUser(AbstractBaseUser):
    """Has a nickname of at most eight characters, no email address, and staff status by a property.

    Local logins ignore the case of the name.
    """

    name = models.TextField(unique=True)
    nickname = models.CharField(max_length=8, null=True, unique=True)  # noqa: DJ001 - for the sake of unique

    USERNAME_FIELD = "name"
    objects = CaseInsensitiveManager()

    @property
    def is_staff(self) -> bool:
        """Return whether this is "root", as in Django's documentation."""
        return self.name == "root"


class UuidUser(AbstractUser):
    """Has a UUID as its key and no username; signs in with an email address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)
    # Names of their own: those of AbstractUser belong to UniqueEmailUser.
    groups = models.ManyToManyField("auth.Group", blank=True, related_name="uuid_users")
    user_permissions = models.ManyToManyField("auth.Permission", blank=True, related_name="uuid_users")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []
    objects = BaseUserManager()  # type: ignore[assignment,misc]


class Profile(models.Model):
    """A related row that refers to the user, of whichever model."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    department = models.CharField(max_length=8, blank=True)
    badge = models.CharField(max_length=20, null=True, unique=True)  # noqa: DJ001 - for the sake of unique
    phone = models.CharField(max_length=20, blank=True)
    note = models.TextField(default="of the site")

    def __str__(self) -> str:
        return self.department


class Locker(models.Model):
    """A related row with a required field, which counts the calls of its own `save`."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    number = models.IntegerField()
    colour = models.CharField(max_length=9, blank=True)
    saves = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)

    def save(self, *args: Any, update_fields: Any = None, **options: Any) -> None:
        """Count the call."""
        self.saves += 1
        super().save(*args, update_fields=update_fields and [*update_fields, "saves"], **options)


class Organisation(models.Model):
    """A tenant."""

    name = models.CharField(max_length=50, unique=True)

    def __str__(self) -> str:
        return self.name


class StrictEmailManager(BaseUserManager):
    """A manager with a rule of its own: email addresses are lower case."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the address in lower case."""
        return (email or "").lower()


class TenantUser(AbstractUser):
    """Has a required organisation, which follows from a claim, and short email addresses in lower case."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    email = models.EmailField(max_length=40, unique=True)
    # Names of their own: those of AbstractUser belong to UniqueEmailUser.
    groups = models.ManyToManyField("auth.Group", blank=True, related_name="tenants")
    user_permissions = models.ManyToManyField("auth.Permission", blank=True, related_name="tenants")

    objects = StrictEmailManager()


class ShoutedField(models.CharField):
    """A field with a converter: the value that is read differs from the stored value."""

    def from_db_value(self, value: str, *_: Any) -> str:
        """Return the value in capitals."""
        return value.upper()


class Account(models.Model):
    """A parent model with its own table."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    motto = ShoutedField(max_length=20, db_column="a motto", default="onwards")
    likes = models.JSONField(default=list)
    born_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.motto


class HidingManager(BaseUserManager):
    """A manager that hides all users."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Return an empty queryset."""
        return super().get_queryset().none()


class MemberUser(Account, AbstractBaseUser):
    """Two tables, a key that is not a number, converted fields, and a default manager that hides all users."""

    name = models.CharField(max_length=150, unique=True)
    referred_by = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)

    USERNAME_FIELD = "name"
    objects = HidingManager()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> "MemberUser":
        """Record the loaded values, as in Django's documentation."""
        user = super().from_db(*args, **options)
        user.loaded_likes = list(user.likes)
        return user


class Record(models.Model):
    """A related row with fields whose values a database or its driver returns in another form than they were set."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="record")
    amount = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    ratio = models.FloatField(null=True)
    born_on = models.DateField(null=True)
    seen_at = models.DateTimeField(null=True)
    wakes_at = models.TimeField(null=True)
    shift = models.DurationField(null=True)
    key = models.UUIDField(null=True)
    host = models.GenericIPAddressField(null=True)
    is_member = models.BooleanField(null=True)
    likes = models.JSONField(null=True)
    picture = models.FileField(null=True)
    motto = ShoutedField(max_length=20, default="none")

    def __str__(self) -> str:
        return self.motto


class ProxyOfAccount(Account):
    """A proxy of the parent model."""

    class Meta:
        proxy = True


class ProxyOfMember(MemberUser):
    """A proxy of the user model."""

    class Meta:
        proxy = True


class OfficeHolder(MemberUser):
    """A child model of the user model."""

    office = models.CharField(max_length=20)
