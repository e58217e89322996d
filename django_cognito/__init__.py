"""Amazon Cognito for Django: sign-in, verified tokens, groups as permissions, users in step."""

__version__ = "0.1.0"
