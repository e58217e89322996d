"""A site with two user pools, each with a scripted token endpoint; the parameter `at` selects the pool."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from .scenarios.login import finish_sign_in, start_sign_in, token_response
from .timeouts import HTTP_TIMEOUT_SECONDS

ACME_POOL, ZEN_POOL = "eu-west-1_AcmePool1", "us-east-1_ZenPool01"
ACME_CLIENT, ZEN_CLIENT = "1acme", "1zen"


def alias_of(request: Any) -> str:
    """Return the pool alias of a request: the POOL_RESOLVER. A parameter allows one browser to use both pools."""
    return str(request.GET.get("at", "acme"))


@dataclass(frozen=True)
class TwoPools:
    """The two hosted UIs, and the setting COGNITO that names them."""

    acme: ScriptedServer
    zen: ScriptedServer

    @property
    def settings(self) -> dict[str, Any]:
        """Return the setting COGNITO: the client of `zen` has a secret, that of `acme` is public."""
        pools = {"acme": self.settings_of("acme"), "zen": self.settings_of("zen")}
        return {
            "POOLS": pools,
            "POOL_RESOLVER": alias_of,
            "TOKENS_OF_OTHER_POOLS": "allow",  # the pages have no parameter `at`
            "HTTP_TIMEOUT_SECONDS": HTTP_TIMEOUT_SECONDS,
        }

    def settings_of(self, alias: str) -> dict[str, Any]:
        """Return one entry of POOLS."""
        if alias == "acme":
            return {"USER_POOL_ID": ACME_POOL, "CLIENT_ID": ACME_CLIENT, "DOMAIN": self.acme.url}
        return {"USER_POOL_ID": ZEN_POOL, "CLIENT_ID": ZEN_CLIENT, "CLIENT_SECRET": "of-zen", "DOMAIN": self.zen.url}

    def server(self, alias: str) -> ScriptedServer:
        """Return the hosted UI of an alias."""
        return self.acme if alias == "acme" else self.zen

    @property
    def counts(self) -> tuple[int, int]:
        """Return the number of requests at acme and at zen."""
        return self.acme.count, self.zen.count

    def sign_in(self, client: Client, alias: str, username: str = "alice", **tokens: Any) -> Any:
        """Sign in at `alias`; return the site's response to the callback."""
        params = start_sign_in(client, at=alias)
        self.server(alias).script(token_response(username, nonce=params["nonce"], alias=alias, **tokens), Answer())
        return finish_sign_in(client, params)


@contextmanager
def serving(settings: Any) -> Iterator[TwoPools]:
    """Yield the two pools while they are running; `settings` is pytest-django's fixture."""
    with ScriptedServer() as acme, ScriptedServer() as zen:
        pools = TwoPools(acme, zen)
        settings.COGNITO = pools.settings
        yield pools
