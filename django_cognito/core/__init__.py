"""Cognito without Django: usable from a Lambda, a worker or a script. Only hands names on."""

from .pool import UserPool
from .token import AccessToken, ClientToken, IdToken, TokenUse
from .verifier import TokenVerifier

__all__ = ["AccessToken", "ClientToken", "IdToken", "TokenUse", "TokenVerifier", "UserPool"]
