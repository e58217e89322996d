"""The key that signs test tokens: created once per process, and accepted only inside `trusted_keys`."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

from ..conf.loading import get_pool_registry
from ..factories import discard_instances, get_verifier
from ..users.revocation_list import start_new_namespace

KID = "django-cognito-testing"


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """Return the private key of `make_token`."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def jwks() -> dict[str, Any]:
    """Return the JWKS that verifies the tokens of `make_token`."""
    key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(signing_key().public_key(), as_dict=True)
    return {"keys": [{"kty": "RSA", "n": key["n"], "e": key["e"], "kid": KID, "alg": "RS256", "use": "sig"}]}


_open = 0  # the number of `trusted_keys` contexts that are open, one inside another


@contextmanager
def trusted_keys() -> Iterator[None]:
    """Accept tokens of `make_token` inside the context: the keys of the pool are replaced and none are fetched.

    The settings may change inside it. Contexts can be nested; the outermost one restores the keys. What an earlier test
    has revoked is accepted again: the cache is not emptied between tests.
    """
    global _open
    if not _open:
        start_new_namespace()
    _trust()
    _open += 1
    try:
        yield
    finally:
        _open -= 1
        discard_instances()
        if _open:
            _trust()


def _trust() -> None:
    for pool in get_pool_registry().user_pools:
        get_verifier().load_jwks(pool, jwks())


@receiver(setting_changed, dispatch_uid="django_cognito.testing.keys")
def _reload_keys(*, setting: str, **_: Any) -> None:
    if _open and setting == "COGNITO":
        with suppress(ImproperlyConfigured):  # the code that reads the settings reports what is missing
            _trust()
