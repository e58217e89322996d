"""Validators of setting values: each has a predicate and the words for the error message. No I/O.

Must not depend on which settings exist.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.functional import SimpleLazyObject

from ..core.published_secret import is_secret_arn
from ..core.user_pool import is_secure_url

LOAD_BALANCER_HEADER = "X-Amzn-Oidc-Accesstoken"  # of an AWS Application Load Balancer that signs users in
# The values of the setting TOKEN_SOURCES, by their name in lower case.
TOKEN_SOURCES = {name.lower(): name for name in ("Authorization", LOAD_BALANCER_HEADER)}


class Validator(NamedTuple):
    """A predicate for a value, and the words that complete "... must be"."""

    is_valid: Callable[[Any], bool]
    expected: str


def is_text(value: Any) -> bool:
    """Return whether `value` is a string with at least one visible character and without NUL."""
    # Not isinstance(): a lazy object would be evaluated to answer it.
    return issubclass(type(value), str) and bool(value.strip()) and "\0" not in value


def is_text_or_empty(value: Any) -> bool:
    """Return whether `value` is a text or the empty string."""
    return is_text(value) or (type(value) is str and value == "")


def is_text_list(value: Any) -> bool:
    """Return whether `value` is a list or tuple of texts."""
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(is_text, value))


def is_token_use(value: Any) -> bool:
    """Return whether `value` is a token use, or a list or tuple of one or both."""
    uses = value if isinstance(value, list | tuple) else [value]
    return len(uses) > 0 and all(use in ("access", "id") for use in uses) and len(set(uses)) == len(uses)


def is_token_sources(value: Any) -> bool:
    """Return whether `value` is a list or tuple of headers that may contain a token, each once; in any case."""
    if not isinstance(value, list | tuple) or not value or not is_text_list(value):
        return False
    names = [name.lower() for name in value]
    return set(names) <= TOKEN_SOURCES.keys() and len(set(names)) == len(names)


def is_secret(value: Any) -> bool:
    """Return whether `value` can be a client secret. A lazy object is not evaluated: system checks do no I/O."""
    return type(value) is SimpleLazyObject or callable(value) or is_text_or_empty(value)


def is_secret_arn_or_empty(value: Any) -> bool:
    """Return whether `value` is empty, or the ARN of a secret in AWS Secrets Manager."""
    return type(value) is str and (value == "" or is_secret_arn(value))


def is_permission_list(value: Any) -> bool:
    """Return whether `value` is a list of permissions such as "notes.change_note"."""
    return is_text_list(value) and all(re.fullmatch(r"[^.\s]+\.[^.\s]+", permission) for permission in value)


def is_identity_provider(value: Any) -> bool:
    """Return whether `value` is a provider's name, or a dict with exactly one of `name` and `idp_identifier`."""
    if not isinstance(value, Mapping):
        return is_text(value)
    names = [value[key] for key in ("name", "idp_identifier") if key in value]
    texts = [*names, *(value[key] for key in ("label",) if key in value)]
    has_valid_keys = value.keys() <= {"name", "idp_identifier", "label", "domains"}
    return has_valid_keys and len(names) == 1 and all(map(is_text, texts)) and is_text_list(value.get("domains", ()))


def is_idp_initiated(value: Any) -> bool:
    """Return whether `value` maps hosts to a provider's name, or to a dict with `provider` and perhaps `prompt`."""
    if not isinstance(value, Mapping):
        return False
    rules = [rule if isinstance(rule, Mapping) else {"provider": rule} for rule in value.values()]
    return all(is_text(host) and "/" not in host for host in value) and all(
        {"provider"} <= rule.keys() <= {"provider", "prompt"}
        and is_text(rule["provider"])
        and rule.get("prompt", "login") in ("", "login")
        for rule in rules
    )


def is_tenant_source(value: Any) -> bool:
    """Return whether `value` is None, or a dict with one source of tenants and perhaps a `selector`.

    The last character of `group_prefix` separates the names after it: a tenant's name must not contain it.
    """
    if not isinstance(value, Mapping):
        return value is None
    sources = value.keys() - {"selector"}
    prefix = value.get("group_prefix", "/")
    functions = [value[key] for key in ("function", "selector") if key in value]
    is_valid = is_text(value.get("claim", "-")) and is_text(prefix) and prefix[-1] in "/:"
    has_one_source = len(sources) == 1 and sources <= {"claim", "group_prefix", "function"}
    return has_one_source and is_valid and all(callable(item) or is_text(item) for item in functions)


def is_client_ip(value: Any) -> bool:
    """Return whether `value` is "REMOTE_ADDR", a number of proxies from 1 to 10, a function or a dotted path."""
    if isinstance(value, str):
        return value == "REMOTE_ADDR" or re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", value) is not None
    return callable(value) or (type(value) is int and 1 <= value <= 10)


def number_between(low: float, high: float, unit: str = "seconds") -> Validator:
    """Return the validator of a number from `low` to `high`."""
    return Validator(lambda value: _is_number_between(value, low, high), f"a number of {unit} from {low} to {high}")


def number_between_or_none(low: float, high: float) -> Validator:
    """Return the validator of None or a number of seconds from `low` to `high`."""
    return Validator(
        lambda value: value is None or _is_number_between(value, low, high),
        f"None, or a number of seconds from {low} to {high}",
    )


def one_of(*values: str) -> Validator:
    """Return the validator of exactly these strings."""
    return Validator(lambda value: value in values, " or ".join(map(repr, values)))


def _is_number_between(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def is_host_list(value: Any) -> bool:
    """Return whether `value` is a list of hosts, each with or without a port: no scheme, path or wildcard."""
    return is_text_list(value) and all(
        re.fullmatch(r"[\w.-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?", host) for host in value
    )


def is_host_name_list(value: Any) -> bool:
    """Return whether `value` is a list of host names or IPv4 addresses, without ports."""
    return is_host_list(value) and not any(":" in host for host in value)


TEXT = Validator(is_text, "a non-empty string")
TEXT_OR_EMPTY = Validator(is_text_or_empty, "a string")
TEXT_LIST = Validator(is_text_list, "a list of non-empty strings")
HOST_LIST = Validator(is_host_list, "a list of hosts such as 'app.example.com' or 'localhost:3000', without a scheme")
BOOLEAN = Validator(lambda value: isinstance(value, bool), "True or False")
URL_OR_EMPTY = Validator(
    lambda value: is_text_or_empty(value) and (value == "" or is_secure_url(value)),
    "a complete https URL (plain http is for loopback hosts only)",
)
PERMISSION_LIST = Validator(is_permission_list, "a list of permissions such as 'notes.change_note'")
