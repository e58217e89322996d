"""The headers with a token: which are read, and what is wrong with one that is rejected."""

import logging
import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client, RequestFactory

from django_cognito.core.errors import MalformedTokenError
from django_cognito.testing import make_token, sign_in
from django_cognito.users import rejected_tokens
from django_cognito.web.bearer import HeaderToken, find_token, read_tokens
from django_cognito.web.error_catalogue import CATALOGUE
from tests.support.cases import cases

RAW = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"


def find(header: str) -> HeaderToken | None:
    return find_token(RequestFactory().get("/", headers={"authorization": header}))


MISTAKES = {
    "no scheme": (RAW, "scheme_missing"),
    "no scheme, a space": (f" {RAW}", "scheme_missing"),
    "no scheme, quoted": (f'"{RAW}"', "scheme_missing"),
    "no scheme, cut": (RAW[:16], "scheme_missing"),
    "no scheme, a refresh token": ("eyJj.a.b.c.d", "scheme_missing"),
    "no space": (f"Bearer{RAW}", "scheme_missing"),
    "a colon": (f"Bearer: {RAW}", "scheme_missing"),
    "a colon without space": (f"Bearer:{RAW}", "scheme_missing"),
    "an equals sign": (f'Bearer="{RAW}"', "scheme_missing"),
    "another scheme": (f"JWT {RAW}", "scheme_missing"),
    "another scheme, quoted": (f'Token "{RAW}"', "scheme_missing"),
    "Basic": (f"Basic {RAW}", "scheme_missing"),
    "Basic, and a second header": (f"Basic YTpi, {RAW}", "scheme_missing"),
    "Bearer twice": (f"Bearer Bearer {RAW}", "scheme_repeated"),
    "Bearer twice, in other cases": (f"bearer  BEARER\t{RAW}", "scheme_repeated"),
    "Bearer twice, no token": ("Bearer Bearer", "scheme_repeated"),
    "no token": ("Bearer", "token_missing"),
    "no token, a space": ("Bearer ", "token_missing"),
    "empty": ("", "token_missing"),
    "white space": (" \t ", "token_missing"),
    "in quotes": (f'Bearer "{RAW}"', "token_quoted"),
    "in single quotes": (f"Bearer '{RAW}'", "token_quoted"),
    "one quote": (f'Bearer {RAW}"', "token_quoted"),
    "two headers": (f"Bearer {RAW}, Bearer {RAW}", "several_tokens"),
    "two headers, no space": (f"Bearer {RAW},Bearer {RAW}", "several_tokens"),
    "after another header": (f"Basic YTpi, Bearer {RAW}", "several_tokens"),
    "two tokens": (f"Bearer {RAW} {RAW}", "several_tokens"),
    "wrapped": (f"Bearer {RAW[:20]}\t{RAW[20:]}", "several_tokens"),
    "a parameter": (f"Bearer {RAW}, realm=x", "several_tokens"),
}


@pytest.mark.parametrize(
    "header",
    [f"Bearer {RAW}", f"bearer {RAW}", f"BEARER {RAW}", f"Bearer   {RAW}", f"Bearer \t{RAW}", f"Bearer\t{RAW} "],
)
def test_bearer_token_is_read_in_each_spelling(header: str) -> None:
    assert find(header) == HeaderToken(raw=RAW)


@pytest.mark.parametrize(
    ("header", "raw", "problem"),
    [
        (" Bearer abc", "abc", ""),
        ("BEARER \t abc  ", "abc", ""),
        ("Bearer a b", "a b", "several_tokens"),
        ("Bearer a\nb", "a\nb", "several_tokens"),
        ("Bearer a,Basic b", "a,Basic b", "several_tokens"),
        ("Basic a, Bearer b", "", "several_tokens"),
        ("Basic a,bearer", "", "several_tokens"),
        ("Digest a, b, Bearer c", "", "several_tokens"),
        (", Bearer a", "", "several_tokens"),
        # RFC 9110 5.6.3: space and tab. Other whitespace of Python is not skipped and not ignored.
        ("Bearer\xa0abc", "\xa0abc", "several_tokens"),
        ("Bearer \x85abc", "\x85abc", "several_tokens"),
        ("Bearer\x0babc", "\x0babc", "several_tokens"),
        ("Bearer abc\x1f", "abc\x1f", "several_tokens"),
        ("Bearer abc\u2003", "abc\u2003", "several_tokens"),
        ("\x1cBearer abc", "", "several_tokens"),
        ("\u3000 Bearer abc", "", "several_tokens"),
        ("Basic a,\xa0Bearer b", "", "several_tokens"),
    ],
)
def test_white_space_and_commas_are_part_of_the_token(header: str, raw: str, problem: str) -> None:
    assert find(header) == HeaderToken(raw=raw, problem=problem)


def test_request_without_the_header_has_no_token() -> None:
    assert find_token(RequestFactory().get("/")) is None


@pytest.mark.parametrize(
    "header",
    [
        "Basic a",
        "Basic bearer",
        "Bearerabc",
        "Bearer:abc",
        "NotBearer abc",
        "Digest a, bearers=b",
        "Basic YTpi",
        "Basic eyJhIjoxfQ==",
        "Token 9944b09199c62bcf9418",
        "Negotiate",
        'Digest nonce="eyJh.x"',
        "Bear er",
    ],
)
def test_other_scheme_has_no_token(header: str) -> None:
    assert find(header) is None


def test_wrong_header_has_the_code_of_its_mistake() -> None:
    with cases() as case:
        for name, (header, code) in MISTAKES.items():
            with case(name):
                request = RequestFactory().get("/", headers={"authorization": header})
                token = find_token(request)
                assert token is not None
                with pytest.raises(MalformedTokenError) as caught:
                    read_tokens(request, token)
                assert caught.value.code == code
                assert RAW[:16] not in f"{caught.value!r} {CATALOGUE[code].sentence}"


@pytest.mark.parametrize("header", ["Bearer " * 200_000, "eyJ" * 500_000, "bearer," * 200_000, f"a {'eyJ.' * 500_000}"])
def test_long_header_is_read_in_linear_time(header: str) -> None:
    started = time.thread_time()  # not that of other processes
    find(header)
    assert time.thread_time() - started < 2


# Entry points


def call(client: Any, url: str, header: str) -> Any:
    get = async_to_sync(client.get) if isinstance(client, AsyncClient) else client.get
    return get(url, headers={"authorization": header})


SOME = ("no scheme", "another scheme", "Bearer twice", "in quotes", "empty", "two headers")


@pytest.mark.mistake('token with quotes, cut, "Bearer Bearer", without scheme, other scheme', by="request")
@pytest.mark.django_db
@pytest.mark.urls("tests.support.entry_point_views")
@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize(
    ("make", "url"), [(Client, "/who/"), (Client, "/api/"), (AsyncClient, "/who/async/"), (AsyncClient, "/api/")]
)
def test_wrong_header_with_a_session_is_401(make: Any, url: str) -> None:
    client = make()
    sign_in(client, "carol")
    raw = make_token()
    with cases() as case:
        for name in SOME:
            header, code = MISTAKES[name]
            with case(name):
                response = call(client, url, header.replace(RAW, raw))
                assert (response.status_code, response.json()["code"]) == (401, code)
                assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'
                assert "carol" not in response.content.decode()
                assert "eyJ" not in response.content.decode()
                assert "Cookie" in response["Vary"]


@pytest.mark.mistake('token with quotes, cut, "Bearer Bearer", without scheme, other scheme', by="request")
@pytest.mark.django_db
@pytest.mark.urls("tests.support.entry_point_views")
@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize(("end", "code"), [(-20, "invalid_signature"), (400, "malformed_token")])
def test_cut_token_is_401_and_the_log_names_the_cause(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, end: int, code: str
) -> None:
    monkeypatch.setattr(rejected_tokens, "_warned", {})
    caplog.set_level(logging.WARNING, rejected_tokens.__name__)
    raw = make_token()
    parts = raw.split(".")
    cut = raw[:end] if end < 0 else f"{parts[0]}.{parts[1]}"
    cut = cut[: len(cut) - len(cut.rpartition(".")[2]) % 4] if end < 0 else cut
    response = client.get("/who/", headers={"authorization": f"Bearer {cut}"})
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert ("complete" in response.json()["detail"], parts[0] in caplog.text) == (True, False)
    assert ("the token was cut" if end < 0 else "not three parts") in caplog.text


@pytest.mark.django_db
@pytest.mark.urls("tests.support.entry_point_views")
@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize("url", ["/exempt/", "/exempt/async/"])
def test_exempt_view_with_a_wrong_header_is_anonymous(client: Client, url: str) -> None:
    sign_in(client, "carol")
    with cases() as case:
        for name in SOME:
            with case(name):
                assert client.get(url, headers={"authorization": MISTAKES[name][0]}).content == b"nobody"


@pytest.mark.django_db
@pytest.mark.urls("tests.support.entry_point_views")
@pytest.mark.parametrize("header", [MISTAKES[name][0] for name in SOME], ids=SOME)
def test_exempt_view_with_a_wrong_header_has_its_csrf_check(header: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/exempt/class/", headers={"authorization": header}).status_code == 403
    assert client.post("/who/class/", headers={"authorization": header}).status_code == 401
    assert not get_user_model().objects.exists()


@pytest.mark.django_db
@pytest.mark.urls("tests.support.entry_point_views")
@pytest.mark.usefixtures("cognito_keys")
def test_repeated_id_token_header_is_401(client: Client) -> None:
    both = ",".join([make_token(token_use="id")] * 2)
    headers = {"authorization": f"Bearer {make_token()}", "x-cognito-id-token": both}
    response = client.get("/who/", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "several_tokens")
    assert not get_user_model().objects.exists()
