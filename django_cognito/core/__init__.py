"""Cognito without Django: usable from a Lambda, a worker or a script. Must not depend on Django."""

from .tokens.token import AccessToken, ClientToken, IdToken, TokenUse
from .tokens.verifier import TokenVerifier
from .user_pool import UserPool

__all__ = ["AccessToken", "ClientToken", "IdToken", "TokenUse", "TokenVerifier", "UserPool"]
