import json

import pytest
from django.http import HttpRequest
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import trans_real

from django_cognito.core import errors
from django_cognito.core.errors import CognitoError, CognitoUnavailableError, TokenError
from django_cognito.web.error_catalogue import CATALOGUE
from django_cognito.web.responses import error_response_for, forbidden_response, json_response, not_authenticated

SECRET = "a message for operators alone"
INVALID_TOKEN = 'Bearer error="invalid_token"'


def error_classes(root: type[CognitoError] = CognitoError) -> list[type[CognitoError]]:
    """Return `root` and its subclasses in core: the error of a USER_ADAPTER has a sentence of its own."""
    children = [child for child in root.__subclasses__() if child.__module__ == errors.__name__]
    return [root, *(name for child in children for name in error_classes(child))]


@pytest.mark.parametrize("error_class", error_classes(TokenError))
def test_rejected_token_is_401(error_class: type[TokenError]) -> None:
    answer = error_response_for(error_class(SECRET))
    assert (answer.status, answer.code, dict(answer.headers)) == (
        401,
        error_class.code,
        {"WWW-Authenticate": INVALID_TOKEN},
    )


def test_unavailable_is_503_without_a_challenge() -> None:
    answer = error_response_for(CognitoUnavailableError(SECRET, retry_after=7))
    assert (answer.status, answer.code, dict(answer.headers)) == (503, "cognito_unavailable", {"Retry-After": "7"})


@pytest.mark.parametrize(
    ("error", "status"),
    [(errors.CredentialsError(SECRET), 403), (errors.SignInError(SECRET), 400), (CognitoError(SECRET), 400)],
)
def test_other_errors_have_their_status_and_code(error: CognitoError, status: int) -> None:
    answer = error_response_for(error)
    assert (answer.status, answer.code, dict(answer.headers)) == (status, error.code, {})


def test_credentials_errors_are_403_with_their_codes() -> None:
    codes = ("not_signed_in", "person_required", "id_token_required", "credentials_refused", "x", "y")
    answers_by_code = {code: error_response_for(errors.CredentialsError(SECRET, code=code)) for code in codes}
    assert {(answer.status, answer.code) for answer in answers_by_code.values()} == {(403, code) for code in codes}
    assert "X-Cognito-Id-Token" in str(answers_by_code["id_token_required"].sentence)
    assert len({str(answer.sentence) for answer in answers_by_code.values()}) == 4


def test_error_response_has_the_code_of_the_error() -> None:
    assert error_response_for(TokenError(SECRET, code="user_inactive")).code == "user_inactive"
    assert error_response_for(CognitoUnavailableError(SECRET, code="refresh_in_progress")).code == "refresh_in_progress"


def test_code_without_a_sentence_has_the_general_sentence() -> None:
    sentences = {
        str(error_response_for(TokenError(SECRET, code=code)).sentence) for code in ("token_expired", "x", "y")
    }
    assert len(sentences) == 2


def test_anonymous_response_has_a_challenge_without_error() -> None:
    answer = not_authenticated(HttpRequest())
    assert (answer.status, answer.code, dict(answer.headers)) == (
        401,
        "not_authenticated",
        {"WWW-Authenticate": "Bearer"},
    )


def test_missing_group_is_403_without_a_challenge() -> None:
    answer = forbidden_response("group_required")
    assert (answer.status, answer.code, dict(answer.headers)) == (403, "group_required", {})


def test_missing_scope_is_403_with_the_scopes_in_the_challenge() -> None:
    challenge = 'Bearer error="insufficient_scope", scope="orders/read orders/write"'
    answer = forbidden_response("scope_required", scopes=("orders/read", "orders/write"))
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (403, challenge)


@pytest.mark.parametrize("error_class", error_classes())
def test_error_message_is_not_in_the_response(error_class: type[CognitoError]) -> None:
    response = json_response(error_response_for(error_class(SECRET)))
    assert SECRET not in f"{response.content.decode()} {response.headers}"


def test_json_response_has_detail_and_code_and_is_not_cached() -> None:
    response = json_response(error_response_for(CognitoUnavailableError(SECRET, retry_after=7)))
    assert set(json.loads(response.content)) == {"detail", "code"}
    assert (response["Content-Type"], response["Cache-Control"]) == ("application/json", "no-store")
    assert (response.status_code, response["Retry-After"]) == (503, "7")


def test_each_sentence_is_translated_lazily() -> None:
    sentences = [
        *(entry.sentence for entry in CATALOGUE.values() if entry.sentence),
        *(error_response_for(error(SECRET)).sentence for error in error_classes()),
    ]
    assert all(isinstance(sentence, Promise) for sentence in sentences)


def test_sentence_is_in_the_language_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = not_authenticated(HttpRequest())
    german = trans_real.translation("de")
    monkeypatch.setitem(german._catalog._catalogs[0], str(answer.sentence), "Bitte anmelden.")  # type: ignore[attr-defined]
    with translation.override("de"):
        assert json.loads(json_response(answer).content)["detail"] == "Bitte anmelden."
    assert json.loads(json_response(answer).content)["detail"] != "Bitte anmelden."
