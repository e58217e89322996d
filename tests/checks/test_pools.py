"""Settings of a pool: accepted clients, local and remote URLs, and the packages of AWS credentials."""

import sys
from typing import Any

import pytest

from tests.support.check_messages import change_cognito, find_check_ids, find_messages, text_of

LOCAL = {
    "DOMAIN": "http://localhost:9229",
    "ISSUER": "http://localhost:9229/eu-west-1_TestPool1",
    "ENDPOINT_URL": "http://localhost:9229",
}
IDENTITY_POOL = "eu-west-1:12345678-90ab-cdef-1234-567890abcdef"
MISTAKE = "IDENTITY_POOL_ID malformed; boto3 missing"


@pytest.mark.mistake("CLIENT_IDS without CLIENT_ID", by="check")
def test_client_ids_without_the_own_client_are_a_warning(settings: Any) -> None:
    change_cognito(settings, CLIENT_IDS=["1phone"])
    (message,) = find_messages("W124")
    assert "tokens of this site's own login are rejected" in message.msg
    assert "['1testclient23456789', '1phone']" in text_of(message)


@pytest.mark.parametrize(
    "changes",
    [
        {"CLIENT_IDS": ["1phone", "1testclient23456789"]},
        {"CLIENT_IDS": []},
        {"CLIENT_IDS": ["1phone"], "DOMAIN": ""},
    ],
)
def test_client_ids_with_the_own_client_or_no_login_are_accepted(settings: Any, changes: dict[str, Any]) -> None:
    settings.ROOT_URLCONF = "tests.checks.urls"
    change_cognito(settings, **changes)
    assert find_check_ids() == []


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), []),
        (("DOMAIN", "ISSUER", "ENDPOINT_URL"), []),
        (("DOMAIN",), ["W134"]),
        (("ISSUER", "ENDPOINT_URL"), ["W134"]),
        (("DOMAIN", "ISSUER"), ["W134"]),
    ],
)
def test_urls_of_aws_and_of_this_machine_together_are_a_warning(
    settings: Any, keys: tuple[str, ...], expected: list[str]
) -> None:
    change_cognito(settings, **{key: LOCAL[key] for key in keys})
    assert find_check_ids() == expected


def test_api_without_a_login_needs_no_local_endpoint(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.checks.urls"
    change_cognito(settings, DOMAIN="", ISSUER=LOCAL["ISSUER"])
    assert find_check_ids() == []
    change_cognito(settings, IDENTITY_POOL_ID=IDENTITY_POOL)
    assert find_check_ids() == ["W134"]


def test_local_url_warning_names_both_groups_of_settings(settings: Any) -> None:
    change_cognito(settings, DOMAIN=LOCAL["DOMAIN"])
    (message,) = find_messages("W134")
    assert "DOMAIN 'http://localhost:9229' on this machine" in message.msg
    assert "ISSUER 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestPool1' elsewhere" in message.msg


@pytest.mark.mistake(MISTAKE, by="check")
@pytest.mark.parametrize("name", ["boto3", "cachetools"])
def test_identity_pool_without_its_extra_is_a_warning(
    settings: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    assert find_check_ids() == []
    change_cognito(settings, IDENTITY_POOL_ID=IDENTITY_POOL)
    (message,) = find_messages("W130")
    assert f"{name} cannot be imported" in message.msg
    assert "pip install 'django-aws-cognito[aws]'" in text_of(message)


@pytest.mark.mistake(MISTAKE, by="check")
def test_malformed_identity_pool_id_is_an_error_with_an_example(settings: Any) -> None:
    change_cognito(settings, IDENTITY_POOL_ID="1a2b3c4d")
    (message,) = find_messages("E004")
    assert IDENTITY_POOL in message.msg


def test_directory_as_profile_source_without_boto3_is_an_error(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    change_cognito(settings, API_PROFILE_SOURCE="directory")
    assert find_check_ids() == []
    monkeypatch.setitem(sys.modules, "boto3", None)
    (message,) = find_messages("E043")
    assert "pip install 'django-aws-cognito[aws]'" in text_of(message)


@pytest.mark.mistake("CLIENT_SECRET_ARN without the extra aws", by="check")
def test_secret_arn_without_boto3_is_an_error(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:the-name-AbCdEf"
    change_cognito(settings, CLIENT_SECRET_ARN=arn)
    assert find_check_ids() == []
    monkeypatch.setitem(sys.modules, "boto3", None)
    (message,) = find_messages("E042")
    assert "pip install 'django-aws-cognito[aws]'" in text_of(message)


@pytest.mark.mistake("app client in SERVICE_USERS that is not in CLIENT_IDS", by="check")
def test_service_user_of_an_unaccepted_client_is_a_warning(settings: Any) -> None:
    own = settings.COGNITO["CLIENT_ID"]
    change_cognito(settings, CLIENT_IDS=[own, "2machine"], SERVICE_USERS={"2machine": "importer"})
    assert find_check_ids() == []
    change_cognito(settings, SERVICE_USERS={"2machine": "importer", "3machine": "exporter"})
    (message,) = find_messages("W136")
    assert "'3machine', which is not in CLIENT_IDS" in message.msg
    assert "Add '3machine' to CLIENT_IDS" in text_of(message)
