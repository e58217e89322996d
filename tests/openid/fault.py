"""What a provider does otherwise than Cognito: the switch of the scripted provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cognito_support.scripted_server import Step

Changes = Mapping[str, Any]  # added to what Cognito sends, or instead of it; what is given as None is left out


def _none() -> Changes:
    return {}


@dataclass(frozen=True)
class Fault:
    """One way, or several, of not being Cognito. None at all: `Fault()`."""

    id_claims: Changes = field(default_factory=_none)
    access_claims: Changes = field(default_factory=_none)
    header: Changes = field(default_factory=_none)  # of the ID token
    is_signed: bool = True  # the ID token; else its third part is empty
    signer: str = ""  # the key that signs the ID token, whatever the header says
    keys: Mapping[str, str] = field(default_factory=dict)  # by `token_use`, those of the pool that are other ones
    answer: Changes = field(default_factory=_none)  # of the token endpoint
    back: Changes = field(default_factory=_none)  # the parameters that the browser comes back with
    user_info: Changes = field(default_factory=_none)
    discovery: Changes = field(default_factory=_none)
    steps: Mapping[str, Step] = field(default_factory=dict)  # by endpoint, in place of any answer


def changed(usual: Changes, changes: Changes) -> dict[str, Any]:
    """`usual` with `changes` made."""
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


NO_FAULT = Fault()
