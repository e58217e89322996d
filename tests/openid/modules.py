"""The relying-party modules of OpenID's conformance suite, and the result of each for the login.

The tests run this table and docs/login-defences.md shows it. Plans and modules have the suite's own names.
Source: the suite's OIDCCClientBasicTestPlan and related plans, and FAPI2SPFinalClientTestPlan, of which the table has
only the modules that OpenID Connect's plans lack.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .fault import NO_FAULT, Fault

Flow = Literal["a sign-in", "a sign-in with a secret", "a refresh", "new keys", "userInfo"]


@dataclass(frozen=True)
class Accepts:
    """The user is signed in and stays signed in."""

    def __str__(self) -> str:
        return "accepted"


@dataclass(frozen=True)
class Refuses:
    """A failure page with this code and status, after calls of these endpoints; nothing else changes."""

    code: str
    status: int = 403
    calls: tuple[str, ...] = ("token", "jwks")
    reason: str = ""  # if the suite expects acceptance or allows both

    def __str__(self) -> str:
        return f"rejected: `{self.code}`" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True)
class EndsLogin:
    """A refresh is refused: the login and the session end."""

    def __str__(self) -> str:
        return "rejected: the login ends"


@dataclass(frozen=True)
class DoesNotApply:
    """The package has no feature that the module tests."""

    reason: str

    def __str__(self) -> str:
        return f"does not apply: {self.reason}"


Outcome = Accepts | Refuses | EndsLogin | DoesNotApply


@dataclass(frozen=True)
class Module:
    """A module: its name, the result for the login, the provider's fault, and the flow in which the fault occurs."""

    name: str
    outcome: Outcome
    fault: Fault = NO_FAULT
    flow: Flow = "a sign-in"


_OIDCC, _FAPI2 = "oidcc-client-test", "fapi2-security-profile-final-client-test"
_COGNITO_NAMES = "Cognito sets `kid` in every token"
_NO_DISCOVERY = DoesNotApply("all URLs are derived from the settings; there is no discovery at run time")
_OWN_LOGOUT = DoesNotApply("Cognito's `/logout` ignores `id_token_hint`, `post_logout_redirect_uri` and `state`")
_NO_BACK_CHANNEL = DoesNotApply("Cognito sends no logout tokens")
_NO_FRONT_CHANNEL = DoesNotApply("Cognito loads no page of the site when a user signs out")

_SIG_NONE = Module(
    f"{_OIDCC}-idtoken-sig-none",
    Refuses("invalid_signature", reason="the suite allows both, because TLS could authenticate the token"),
    Fault(header={"alg": "none", "kid": None}, is_signed=False),
)

PLANS: dict[str, tuple[Module, ...]] = {
    "oidcc-client-basic-certification-test-plan": (
        Module(_OIDCC, Accepts()),
        Module(
            f"{_OIDCC}-invalid-iss", Refuses("wrong_issuer"), Fault(id_claims={"iss": "https://op.invalid/another"})
        ),
        Module(f"{_OIDCC}-missing-sub", Refuses("invalid_claim"), Fault(id_claims={"sub": None})),
        Module(f"{_OIDCC}-invalid-aud", Refuses("wrong_client"), Fault(id_claims={"aud": "another-client"})),
        Module(f"{_OIDCC}-missing-iat", Refuses("invalid_claim"), Fault(id_claims={"iat": None})),
        Module(
            f"{_OIDCC}-kid-absent-single-jwks",
            Refuses("invalid_signature", reason=f"the suite expects it to be accepted; {_COGNITO_NAMES}"),
            Fault(header={"kid": None}, keys={"id": "the-only-one", "access": "the-only-one"}),
        ),
        Module(
            f"{_OIDCC}-kid-absent-multiple-jwks",
            Refuses("invalid_signature", reason=f"the suite allows both; {_COGNITO_NAMES}"),
            Fault(header={"kid": None}),
        ),
        Module(f"{_OIDCC}-idtoken-sig-rs256", Accepts()),
        _SIG_NONE,
        Module(f"{_OIDCC}-invalid-sig-rs256", Refuses("invalid_signature"), Fault(signer="unpublished")),
        Module(f"{_OIDCC}-userinfo-bearer-header", Accepts(), flow="userInfo"),
        Module(f"{_OIDCC}-userinfo-bearer-body", DoesNotApply("Cognito reads the token only from the header")),
        Module(
            f"{_OIDCC}-userinfo-invalid-sub",
            Refuses("user_info_mismatch", 400, calls=("token", "jwks", "user_info")),
            Fault(user_info={"sub": "another-user"}),
            flow="userInfo",
        ),
        Module(f"{_OIDCC}-nonce-invalid", Refuses("nonce_mismatch"), Fault(id_claims={"nonce": "of-another-sign-in"})),
        Module(f"{_OIDCC}-scope-userinfo-claims", Accepts(), flow="userInfo"),
        Module(f"{_OIDCC}-client-secret-basic", Accepts(), flow="a sign-in with a secret"),
    ),
    "oidcc-client-config-certification-test-plan": (
        Module(f"{_OIDCC}-discovery-openid-config", _NO_DISCOVERY),
        Module(f"{_OIDCC}-discovery-jwks-uri-keys", Accepts()),
        Module(f"{_OIDCC}-discovery-issuer-mismatch", _NO_DISCOVERY),
        _SIG_NONE,
        Module(f"{_OIDCC}-signing-key-rotation-just-before-signing", Accepts(), flow="new keys"),
        Module(f"{_OIDCC}-signing-key-rotation", Accepts(), flow="new keys"),
    ),
    "oidcc-client-refreshtoken-test-plan": (
        Module(f"{_OIDCC}-refresh-token", Accepts(), flow="a refresh"),
        Module(
            f"{_OIDCC}-refresh-token-invalid-issuer",
            EndsLogin(),
            Fault(id_claims={"iss": "https://op.invalid/another"}),
            flow="a refresh",
        ),
        Module(
            f"{_OIDCC}-refresh-token-invalid-sub",
            EndsLogin(),
            Fault(id_claims={"sub": "another-user"}),
            flow="a refresh",
        ),
    ),
    "fapi2-security-profile-final-client-test-plan": (
        Module(
            f"{_FAPI2}-ensure-authorization-response-with-invalid-state-fails",
            Refuses("state_unknown", 400, calls=()),
            Fault(callback_params={"state": "of-another-sign-in"}),
        ),
        Module(
            f"{_FAPI2}-ensure-authorization-response-with-invalid-missing-state-fails",
            Refuses("state_missing", 400, calls=()),
            Fault(callback_params={"state": None}),
        ),
        Module(
            f"{_FAPI2}-invalid-authorization-response-iss",
            Refuses("wrong_issuer", 400, calls=()),
            Fault(callback_params={"iss": "https://op.invalid/another"}),
        ),
        Module(f"{_FAPI2}-remove-authorization-response-iss", DoesNotApply("Cognito sends no `iss` with the code")),
        Module(f"{_FAPI2}-invalid-missing-iss", Refuses("wrong_issuer"), Fault(id_claims={"iss": None})),
        Module(f"{_FAPI2}-invalid-missing-aud", Refuses("invalid_claim"), Fault(id_claims={"aud": None})),
        Module(
            f"{_FAPI2}-invalid-secondary-aud",
            Refuses("invalid_claim"),
            Fault(id_claims={"aud": ["1testclient23456789", "another-client"]}),
        ),
        Module(
            f"{_FAPI2}-valid-aud-as-array",
            Refuses("invalid_claim", reason="the suite expects it to be accepted; Cognito sends a string"),
            Fault(id_claims={"aud": ["1testclient23456789"]}),
        ),
        Module(f"{_FAPI2}-invalid-missing-exp", Refuses("invalid_claim"), Fault(id_claims={"exp": None})),
        Module(f"{_FAPI2}-invalid-expired-exp", Refuses("token_expired"), Fault(id_claims={"exp": 1_000_000_000})),
        Module(f"{_FAPI2}-invalid-missing-nonce", Refuses("nonce_mismatch"), Fault(id_claims={"nonce": None})),
        Module(f"{_FAPI2}-invalid-alternate-alg", Refuses("invalid_signature"), Fault(header={"alg": "PS256"})),
        Module(f"{_FAPI2}-token-type-case-insensitivity", Accepts(), Fault(answer={"token_type": "bEARER"})),
        Module(f"{_FAPI2}-token-endpoint-response-without-expires_in", Accepts(), Fault(answer={"expires_in": None})),
    ),
    "oidcc-client-rp-initiated-logout-rp-basic": (
        Module(f"{_OIDCC}-rp-init-logout", _OWN_LOGOUT),
        Module(f"{_OIDCC}-rp-init-logout-other-state", _OWN_LOGOUT),
        Module(f"{_OIDCC}-rp-init-logout-no-state", _OWN_LOGOUT),
    ),
    "oidcc-client-back-channel-logout-rp-basic": tuple(
        Module(f"{_OIDCC}-rp-backchannel-rpinitlogout{which}", _NO_BACK_CHANNEL)
        for which in (
            "",
            "-alg-none",
            "-no-event",
            "-with-nonce",
            "-wrong-alg",
            "-wrong-aud",
            "-wrong-event",
            "-wrong-iss",
        )
    ),
    "oidcc-client-front-channel-logout-rp-basic": (
        Module(f"{_OIDCC}-rp-frontchannel-rpinitlogout", _NO_FRONT_CHANNEL),
        Module(f"{_OIDCC}-rp-frontchannel-opinitlogout", _NO_FRONT_CHANNEL),
    ),
}
MODULES = {module.name: module for plan in PLANS.values() for module in plan}


def find_modules(flow: Flow, outcome: type[Accepts | Refuses | EndsLogin]) -> dict[str, Module]:
    """Return the modules of this flow with such an outcome, by name."""
    return {
        name: module for name, module in MODULES.items() if module.flow == flow and isinstance(module.outcome, outcome)
    }


def rows() -> Iterator[str]:
    """Yield the rows of the table in docs/login-defences.md."""
    for plan, modules in PLANS.items():
        yield f"| **{plan}** | |"
        yield from (f"| `{module.name}` | {module.outcome} |" for module in modules)
