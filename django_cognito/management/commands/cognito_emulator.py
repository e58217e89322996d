"""`manage.py cognito_emulator`: the former name of `manage.py local_cognito`."""

from django_cognito.management.commands.local_cognito import Command

__all__ = ["Command"]
