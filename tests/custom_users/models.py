"""User models as sites have them; one of them is the site's, chosen by the settings beside this file."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class EmailUser(AbstractBaseUser):
    """Signs in with an e-mail address, which is required; has no groups, no permissions and no flags."""

    email = models.EmailField(unique=True)
    address = models.JSONField(default=dict)
    age = models.PositiveSmallIntegerField(null=True)

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
