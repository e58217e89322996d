"""A bearer client of other processes is rejected within REVOCATION_SECONDS + 1 after the sign-out."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.models import CognitoLogin
from django_cognito.sessions import revoke_login, sign_out_everywhere, store
from django_cognito.testing import sign_in
from django_cognito.testing.keys import jwks
from django_cognito.users import revocation_list
from tests.load.sign_out import accept_in_all_processes, get_answer, measure_rejections
from tests.support.gunicorn_server import listening_socket, serve
from tests.support.real_parts import REDIS_URL
from tests.support.sizes import choose_size

pytestmark = [pytest.mark.needs("postgresql", "redis"), pytest.mark.django_db(transaction=True)]

PROCESSES = 2
ROUNDS, SECONDS = choose_size((3, 1), (50, 5))
Start = Callable[..., str]


@pytest.fixture
def start(
    token_endpoint: ScriptedServer, settings: Any, monkeypatch: pytest.MonkeyPatch, unreachable: str
) -> Iterator[Start]:
    """Yield a function that starts the site's processes, with Redis or with one that is down, and returns their URL."""
    monkeypatch.setattr(revocation_list, "_namespace", "")  # as in the processes of the site
    with ExitStack() as stack:
        keys = stack.enter_context(ScriptedServer())
        keys.script(json_answer(jwks()))
        token_endpoint.script(Answer())

        def start_site(*, is_redis_down: bool = False, workers: int = PROCESSES, **changes: Any) -> str:
            redis_url = f"redis://{unreachable.removeprefix('http://')}/0" if is_redis_down else REDIS_URL
            cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}
            settings.CACHES = {"default": {**cache, "KEY_PREFIX": connection.settings_dict["NAME"]}}
            cognito = {**settings.COGNITO, "REVOCATION_SECONDS": SECONDS, **changes}
            settings.COGNITO = cognito
            listening = stack.enter_context(listening_socket())
            variables = {
                "PROCESS_SITE_DATABASE": connection.settings_dict["NAME"],
                "PROCESS_SITE_COGNITO": json.dumps({**cognito, "JWKS_URI": f"{keys.url}/jwks.json"}),
                "LOAD_REDIS_URL": redis_url,
            }
            stack.enter_context(serve("tests.load.sign_out_site", listening, variables, workers=workers))
            return f"http://127.0.0.1:{listening.getsockname()[1]}"

        yield start_site


def start_login(username: str = "alice") -> CognitoLogin:
    """Sign a user in, in this process; return the login."""
    client = Client()
    sign_in(client, username, refresh_token="a-refresh-token", scope="openid")
    return store.load_login(client.session)


def raw_token(login: CognitoLogin) -> str:
    return store.decrypt_tokens(login).access_token


@pytest.mark.parametrize("sign_out", choose_size(["one login"], ["one login", "everywhere"]))
def test_bearer_client_of_other_processes_is_rejected_in_time(start: Start, sign_out: str) -> None:
    url = start()
    logins = {raw_token(login): login for login in (start_login(f"user{number}") for number in range(ROUNDS))}
    for raw in logins:
        accept_in_all_processes(url, raw, PROCESSES)

    def end(login: CognitoLogin) -> Callable[[], object]:
        return lambda: revoke_login(login) if sign_out == "one login" else sign_out_everywhere(login.cognito_user.user)

    delays = measure_rejections(url, {raw: end(login) for raw, login in logins.items()}, SECONDS + 1.5)
    print(f"{len(delays)} sign-outs, {sign_out}: rejected after {max(delays):.1f} s at most")
    assert [delay for delay in delays if delay > SECONDS + 1] == []


@pytest.mark.parametrize("without_cache", ["allow", "reject"])
def test_without_redis_the_setting_decides(start: Start, without_cache: str) -> None:
    first, second = start_login("alice"), start_login("bob")
    url = start(is_redis_down=True, workers=1, WITHOUT_CACHE=without_cache)
    revoke_login(first)
    sign_out_everywhere(second.cognito_user.user)
    answers = [get_answer(url, raw_token(login)) for login in (first, second)]
    codes = [(status, answer.get("code", "")) for status, answer in answers]
    if without_cache == "allow":
        assert codes == [(200, ""), (401, "token_revoked")]  # the second by its row
    else:
        assert codes == [(503, "revocation_unavailable")] * 2
