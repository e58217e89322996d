import os

from django_cognito_jwt import JSONWebTokenAuthentication
from django_cognito_jwt.validator import TokenValidator


class LocalValidator(TokenValidator):
    """Compares the issuer of the local Cognito; the package has no setting for it."""

    pool_url = os.environ["LOCAL_COGNITO"] + "/eu-west-1_AbCdEfGhI"


class LocalAuthentication(JSONWebTokenAuthentication):
    def get_token_validator(self, request):
        return LocalValidator("eu-west-1", "eu-west-1_AbCdEfGhI", "1example23456789")
