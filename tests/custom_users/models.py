"""User models like those of sites; the settings of this directory select one of them."""

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class EmailUser(AbstractBaseUser):
    """Signs in with a required email address; has no groups, permissions or flags."""

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
