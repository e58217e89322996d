"""`manage.py try_refresh_token USERNAME`: whether Cognito still takes a person's refresh token."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand

from django_cognito.core.errors import SignInError
from django_cognito.factories import get_hosted_ui
from django_cognito.models import CognitoLogin
from django_cognito.sessions.store import decrypt_tokens


class Command(BaseCommand):
    """For the journey alone: it looks into the package's private parts, and shows no token."""

    help = "Say whether Cognito takes the refresh token of a person's newest login."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say "accepted" or "refused (why)"."""
        login = CognitoLogin.objects.filter(cognito_user__username=options["username"]).latest("created_at")
        try:
            get_hosted_ui().refresh(decrypt_tokens(login).refresh_token or "")
        except SignInError as error:
            self.stdout.write(f"refused ({error.oauth_error})")
        else:
            self.stdout.write("accepted")
