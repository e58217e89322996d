"""User models as sites have them; one of them is the site's, chosen by the settings beside this file."""

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class EmailUser(AbstractBaseUser):
    """Signs in with an e-mail address, which is required; has no groups, no permissions and no flags."""

    email = models.EmailField(unique=True)
    address = models.JSONField(default=dict)
    age = models.PositiveSmallIntegerField(null=True)
    photo = models.FileField(blank=True)
    seal = models.BinaryField(default=b"")

    USERNAME_FIELD = "email"
    objects = BaseUserManager()


class UniqueEmailUser(AbstractUser):
    """Django's own, but that every user must have an e-mail address of their own, whatever its case."""

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_user_an_email"),
            models.UniqueConstraint(Lower("username"), name="one_user_a_name"),
            models.UniqueConstraint("first_name", condition=models.Q(first_name="Only"), name="one_only"),
        ]


class NamelessUser(AbstractBaseUser):
    """Has a name of eight characters, no e-mail address, and staff status by a property."""

    name = models.TextField(unique=True)
    nickname = models.CharField(max_length=8, null=True, unique=True)  # noqa: DJ001 - for the sake of unique

    USERNAME_FIELD = "name"
    objects = BaseUserManager()

    @property
    def is_staff(self) -> bool:
        """Django's documentation shows this."""
        return self.name == "root"


class ShoutedField(models.CharField):
    """A field with a converter of its own: what is read is not what is stored."""

    def from_db_value(self, value: str, *_: Any) -> str:
        """In capitals."""
        return value.upper()


class Account(models.Model):
    """A parent with a table of its own."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    motto = ShoutedField(max_length=20, db_column="a motto", default="onwards")
    likes = models.JSONField(default=list)
    born_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.motto


class Nobody(BaseUserManager):
    """A manager that hides everybody."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Nobody."""
        return super().get_queryset().none()


class MemberUser(Account, AbstractBaseUser):
    """Two tables, a key that is no number, converted fields, and a default manager that finds nobody."""

    name = models.CharField(max_length=150, unique=True)
    referred_by = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)

    USERNAME_FIELD = "name"
    objects = Nobody()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> "MemberUser":
        """As Django's documentation shows, for a look at what was loaded."""
        user = super().from_db(*args, **options)
        user.loaded_likes = list(user.likes)
        return user


class ProxyOfAccount(Account):
    """The same rows as the parent's, by another name."""

    class Meta:
        proxy = True


class ProxyOfMember(MemberUser):
    """The same rows, by another name."""

    class Meta:
        proxy = True


class OfficeHolder(MemberUser):
    """A child: a member, and more."""

    office = models.CharField(max_length=20)
