"""Translations: each catalogue has every text of the package, and pages and bodies are in the user's language."""

import ast
import gettext
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import get_template
from django.test import Client
from django.utils import translation
from django.utils.translation.template import templatize
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.login.authorize_params import get_language_params
from django_cognito.testing import sign_in
from django_cognito.web.error_catalogue import CATALOGUE
from tests.support import source
from tests.support.callers import bearer
from tests.support.scenarios.login import finish_sign_in, read_query, refusal, start_sign_in

pytestmark = pytest.mark.urls("tests.support.login_site")

LOCALE = source.PACKAGE_DIRECTORY / "locale"
CATALOGUES = sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
GERMAN = {"accept-language": "de"}
_CALL = re.compile(r"""\b(?:gettext|_)\(u?(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\)""")


@cache
def source_texts() -> frozenset[str]:
    """Return the texts that the package translates, of modules and templates."""
    return frozenset([*_texts_of_modules(), *_texts_of_templates()])


def _texts_of_modules() -> Iterator[str]:
    for module in source.modules().values():
        if module.name.startswith(source.PACKAGE):
            for node in module.nodes:
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "gettext", "gettext_lazy"):
                    yield str(ast.literal_eval(node.args[0]))


def _texts_of_templates() -> Iterator[str]:
    for path in source.PACKAGE_DIRECTORY.rglob("*.html"):
        for match in _CALL.finditer(templatize(path.read_text(), origin=str(path))):
            yield str(ast.literal_eval(match["text"]))


def entries(catalogue: Path) -> dict[str, str]:
    """Return the translations of a .po file."""
    pairs = re.findall(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n?)+)', catalogue.read_text(), re.M)
    texts = [tuple("".join(map(ast.literal_eval, part.splitlines())) for part in pair) for pair in pairs]
    return {key: value for key, value in texts if key}


def test_texts_are_read_from_modules_and_templates() -> None:
    texts = source_texts()
    assert {"The sign-in failed.", "Sign out?", "Continue with %(label)s", "Sign in, or send a token."} <= texts
    assert len(texts) > 80


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_catalogue_has_exactly_the_texts_of_the_source(catalogue: Path) -> None:
    translations = entries(catalogue)
    assert sorted(source_texts() - translations.keys()) == []
    assert sorted(translations.keys() - source_texts()) == []
    assert [text for text, translated in translations.items() if not translated] == []
    assert "#, fuzzy" not in catalogue.read_text()


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_catalogue_has_the_same_values_in_each_translation(catalogue: Path) -> None:
    for text, translated in entries(catalogue).items():
        assert sorted(re.findall(r"%\(\w+\)s|</?\w+>", text)) == sorted(re.findall(r"%\(\w+\)s|</?\w+>", translated))


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_compiled_catalogue_is_that_of_the_source(catalogue: Path) -> None:
    with catalogue.with_suffix(".mo").open("rb") as file:
        compiled: Any = gettext.GNUTranslations(file)
    assert {key: value for key, value in compiled._catalog.items() if key} == entries(catalogue)


# Requests


@pytest.fixture
def multilingual(settings: Any, token_endpoint: ScriptedServer) -> None:
    """Let Accept-Language select the language of a request."""
    settings.LANGUAGES = LANGUAGES
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:2],
        "django.middleware.locale.LocaleMiddleware",
        *settings.MIDDLEWARE[2:],
    ]


@pytest.mark.django_db
def test_failure_page_is_german_and_its_code_and_log_are_not(
    client: Client, multilingual: None, token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    token_endpoint.script(refusal("invalid_client"))
    page = finish_sign_in(client, start_sign_in(client)).content.decode()
    assert '<html lang="de" dir="ltr">' in page
    assert "<h1>Die Anmeldung ist falsch konfiguriert.</h1>" in page
    assert "Zurück zur Website" in page
    assert "<code>invalid_client</code>" in page
    assert "a sign-in failed: invalid_client: the hosted UI refused" in caplog.text
    assert not re.search("Anmeldung|Website", caplog.text)


@pytest.mark.django_db
def test_sign_out_page_is_german(client: Client, multilingual: None, cognito_keys: None) -> None:
    sign_in(client)
    page = client.get("/auth/logout/", headers=GERMAN).content.decode()
    assert "<h1>Abmelden?</h1>" in page
    assert "Sie werden hier und beim Anmeldedienst abgemeldet." in page
    assert "Angemeldet bleiben" in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "code", "detail"),
    [
        ({"sec-fetch-mode": "cors"}, "not_authenticated", "Melden Sie sich an oder senden Sie ein Token."),
        (
            bearer("bad"),
            "malformed_token",
            "Das ist kein vollständiges Token von Amazon Cognito. Senden Sie das vollständige Token unverändert.",
        ),
    ],
)
def test_401_body_is_german_and_its_code_is_not(
    client: Client, multilingual: None, headers: dict[str, str], code: str, detail: str
) -> None:
    answer = client.get("/auth/login/" if "sec-fetch-mode" in headers else "/who/", headers={**GERMAN, **headers})
    assert answer.status_code == 401
    assert (answer.json()["code"], answer.json()["detail"]) == (code, detail)


def test_each_text_of_the_error_catalogue_is_german() -> None:
    texts = {text for entry in CATALOGUE.values() for text in (entry.sentence, entry.heading, entry.remedy) if text}
    with translation.override("en"):
        english = {text: str(text) for text in texts}
    with translation.override("de"):
        assert [text for text, before in english.items() if str(text) == before] == []


# The language of Cognito's pages


@pytest.mark.django_db
@pytest.mark.parametrize(("query", "lang"), [({}, "de"), ({"lang": "fr"}, "fr")])
def test_hosted_ui_has_the_active_language(
    client: Client, multilingual: None, query: dict[str, str], lang: str
) -> None:
    for path in ("login", "sign-up", "forgot-password"):
        assert read_query(client.get(f"/auth/{path}/", query, headers=GERMAN)["Location"])["lang"] == lang


@pytest.mark.parametrize(
    ("language", "lang"),
    [
        *((name, name) for name in ("de", "en", "es", "fr", "id", "it", "ja", "ko")),
        ("de-at", "de"),
        ("en-us", "en"),
        ("pt", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("pt-pt", "pt-BR"),
        ("zh-hans", "zh-CN"),
        ("zh-hant", "zh-TW"),
        ("zh-cn", "zh-CN"),
        ("zh-tw", "zh-TW"),
        ("zh-hant-hk", "zh-TW"),
        ("nl", None),
        ("den", None),
        ("zh", None),
    ],
)
def test_language_is_that_of_cognito_or_none(language: str, lang: str | None) -> None:
    with translation.override(language):
        assert get_language_params() == ({"lang": lang} if lang else {})


def test_no_active_language_is_no_parameter() -> None:
    with translation.override(None):
        assert get_language_params() == {}


@pytest.mark.parametrize("name", ["login_failed", "confirm_sign_in", "logout", "sign_in_by_email"])
def test_templates_of_the_package_can_be_loaded(name: str) -> None:
    assert get_template(f"django_cognito/{name}.html")
