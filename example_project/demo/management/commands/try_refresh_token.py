"""`manage.py try_refresh_token USERNAME`: check whether Cognito accepts a user's refresh token."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand

from django_cognito.core.errors import SignInError
from django_cognito.factories import get_hosted_ui
from django_cognito.models import CognitoLogin
from django_cognito.sessions.store import decrypt_tokens


class Command(BaseCommand):
    """Check a refresh token. Only the journey uses this command: it imports private modules of the package.

    The output contains no token.
    """

    help = "Check whether Cognito accepts the refresh token of a user's most recent login."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the username."""
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print "accepted" or "refused (OAuth error code)"."""
        login = CognitoLogin.objects.filter(cognito_user__username=options["username"]).latest("created_at")
        try:
            get_hosted_ui().refresh(decrypt_tokens(login).refresh_token or "")
        except SignInError as error:
            self.stdout.write(f"refused ({error.oauth_error})")
        else:
            self.stdout.write("accepted")
