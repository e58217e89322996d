"""A site with two user pools, each with a token endpoint that answers as told; `?at=` says at which one signs in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.test import Client

from .login_scenario import begin, come_back, token_answer
from .scripted_server import Answer, ScriptedServer
from .timeouts import HTTP_TIMEOUT_SECONDS

ACME_POOL, ZEN_POOL = "eu-west-1_AcmePool1", "us-east-1_ZenPool01"
ACME_CLIENT, ZEN_CLIENT = "1acme", "1zen"


def alias_of(request: Any) -> str:
    """POOL_RESOLVER: by a parameter, so that one browser can be at both."""
    return str(request.GET.get("at", "acme"))


@dataclass(frozen=True)
class TwoPools:
    """The two hosted UIs, and the setting COGNITO that names them."""

    acme: ScriptedServer
    zen: ScriptedServer

    @property
    def settings(self) -> dict[str, Any]:
        """As a site would write it: `zen` has a secret, `acme` is public."""
        pools = {"acme": self.settings_of("acme"), "zen": self.settings_of("zen")}
        return {
            "POOLS": pools,
            "POOL_RESOLVER": alias_of,
            "TOKENS_OF_OTHER_POOLS": "allow",  # pages carry no `?at=`
            "HTTP_TIMEOUT_SECONDS": HTTP_TIMEOUT_SECONDS,
        }

    def settings_of(self, alias: str) -> dict[str, Any]:
        """One entry of POOLS."""
        if alias == "acme":
            return {"USER_POOL_ID": ACME_POOL, "CLIENT_ID": ACME_CLIENT, "DOMAIN": self.acme.url}
        return {"USER_POOL_ID": ZEN_POOL, "CLIENT_ID": ZEN_CLIENT, "CLIENT_SECRET": "of-zen", "DOMAIN": self.zen.url}

    def server(self, alias: str) -> ScriptedServer:
        """The hosted UI of an alias."""
        return self.acme if alias == "acme" else self.zen

    @property
    def counts(self) -> tuple[int, int]:
        """How often each was asked: acme's, zen's."""
        return self.acme.count, self.zen.count

    def sign_in(self, client: Client, alias: str, username: str = "alice", **tokens: Any) -> Any:
        """A whole sign-in at `alias`; the site's answer to whoever comes back."""
        asked = begin(client, at=alias)
        self.server(alias).script(token_answer(username, nonce=asked["nonce"], alias=alias, **tokens), Answer())
        return come_back(client, asked)


@contextmanager
def serving(settings: Any) -> Iterator[TwoPools]:
    """The two pools, for as long as it is open; `settings` is pytest-django's."""
    with ScriptedServer() as acme, ScriptedServer() as zen:
        pools = TwoPools(acme, zen)
        settings.COGNITO = pools.settings
        yield pools
