"""Test support for sites that use this package: tokens without Cognito, signed-in users and a local Cognito.

pytest finds the fixtures with `pytest_plugins = ["django_cognito.testing.fixtures"]`. Tests then look like this:

    def test_editors_write(client, db, cognito_keys):
        raw = make_token(username="alice", groups=["editors"])
        assert client.post("/api/notes/", {...}, headers={"authorization": f"Bearer {raw}"}).status_code == 201

    def test_alice_sees_her_page(client, cognito_sign_in):
        cognito_sign_in("alice", groups=["editors"])
        assert "alice" in client.get("/me/").text

unittest uses the functions: `with trusted_keys(): sign_in(self.client, "alice")`.
"""

from .keys import trusted_keys
from .login import sign_in
from .tokens import make_token

__all__ = ["make_token", "sign_in", "trusted_keys"]
