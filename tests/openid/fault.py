"""The deviations of the scripted provider from Cognito."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cognito_support.scripted_server import Step

Changes = Mapping[str, Any]  # added to what Cognito sends, or in its place; None removes the name


def _none() -> Changes:
    return {}


@dataclass(frozen=True)
class Fault:
    """One or more deviations from Cognito; `Fault()` has none."""

    id_claims: Changes = field(default_factory=_none)
    access_claims: Changes = field(default_factory=_none)
    header: Changes = field(default_factory=_none)  # of the ID token
    is_signed: bool = True  # the ID token; else its third part is empty
    signer: str = ""  # the key that signs the ID token, independent of the header
    keys: Mapping[str, str] = field(default_factory=dict)  # by `token_use`: keys that replace the pool's own
    answer: Changes = field(default_factory=_none)  # of the token endpoint
    callback_params: Changes = field(default_factory=_none)  # the query of the callback URL
    user_info: Changes = field(default_factory=_none)
    discovery: Changes = field(default_factory=_none)
    steps: Mapping[str, Step] = field(default_factory=dict)  # by endpoint: the step that replaces the response


def changed(usual: Changes, changes: Changes) -> dict[str, Any]:
    """Return `usual` with `changes` applied."""
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


NO_FAULT = Fault()
