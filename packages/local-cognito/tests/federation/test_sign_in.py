"""Sign-in through an OpenID provider, from the authorization request to the tokens, and its errors."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from local_cognito import Emulator
from local_cognito_support.hosted_site import CALLBACK, Browser, Page, read_query, read_unverified
from local_cognito_support.identity_provider import POOL_ID, FederatedFlow, Provider, site_for


def attributes(emulator: Emulator, username: str) -> dict[str, str]:
    user = emulator.service.pools.get(POOL_ID).users[username]
    return {item["Name"]: item["Value"] for item in user.attributes}


def test_federated_sign_in_creates_a_user_with_mapped_attributes(
    flow: FederatedFlow, federated_emulator: Emulator
) -> None:
    subject = flow.provider.put(
        "f-1", email="fay@corporate.example", email_verified=True, name="Fay", teams=["a b", "c"]
    )
    tokens = flow.tokens(subject, scope="openid email")
    claims = read_unverified(tokens["id_token"])
    assert claims["cognito:username"] == "corporate_f-1"
    assert claims["cognito:groups"] == [f"{POOL_ID}_Corporate"]
    assert (claims["email"], claims["email_verified"]) == ("fay@corporate.example", True)
    (identity,) = claims["identities"]
    assert identity.pop("dateCreated").isdecimal()
    assert identity == {
        "userId": "f-1",
        "providerName": "Corporate",
        "providerType": "OIDC",
        "issuer": None,
        "primary": "true",
    }
    access_claims = read_unverified(tokens["access_token"])
    assert (access_claims["username"], access_claims["sub"]) == ("corporate_f-1", claims["sub"])
    user_attributes = attributes(federated_emulator, "corporate_f-1")
    assert (user_attributes["name"], user_attributes["custom:teams"]) == ("Fay", "[a+b,c]")


def test_second_federated_sign_in_updates_the_same_user(flow: FederatedFlow, federated_emulator: Emulator) -> None:
    subject = flow.provider.put("f-2", email="old@corporate.example", email_verified=True, name="Before")
    first = read_unverified(flow.tokens(subject)["id_token"])
    flow.provider.put("f-2", email="new@corporate.example", name="After")
    second = read_unverified(flow.tokens(subject, prompt="login")["id_token"])
    assert second["sub"] == first["sub"]
    user_attributes = attributes(federated_emulator, "corporate_f-2")
    assert (user_attributes["email"], user_attributes["email_verified"], user_attributes["name"]) == (
        "new@corporate.example",
        "false",
        "After",
    )


def test_email_is_unverified_without_mapped_email_verified(flow: FederatedFlow, federated_emulator: Emulator) -> None:
    subject = flow.provider.put("f-3", email="alice@example.com", email_verified=True)
    claims = read_unverified(flow.tokens(subject, identity_provider="Plain")["id_token"])
    assert claims["email_verified"] is False


def test_federated_user_with_email_of_a_pool_user_is_a_new_user(
    flow: FederatedFlow, federated_emulator: Emulator
) -> None:
    subject = flow.provider.put("f-4", email="alice@example.com", email_verified=True)
    claims = read_unverified(flow.tokens(subject)["id_token"])
    alice = federated_emulator.service.pools.find_moto_user(POOL_ID, "alice@example.com")
    assert alice is not None
    assert alice.username == "alice"
    assert claims["sub"] != alice.id


def test_federated_username_of_an_existing_pool_user_is_refused(
    flow: FederatedFlow, federated_emulator: Emulator
) -> None:
    site, name = flow.browser.site, "Corporate_victim"
    site.service.sign_ups.register(site.public, name, "Correct-horse-7", {"email": "mallory@example.com"})
    query = read_query(flow.sign_in(flow.provider.put("victim")))
    assert query["error"] == "invalid_request"
    assert query["error_description"] == "Another user already has the name corporate_victim"


def test_federated_user_with_admin_set_password_is_the_same_user(flow: FederatedFlow, idp: Any) -> None:
    subject = flow.provider.put("f-20")
    first = read_unverified(flow.tokens(subject)["id_token"])["sub"]
    password = {"Password": "Correct-horse-7", "Permanent": True}
    idp.admin_set_user_password(UserPoolId=POOL_ID, Username="corporate_f-20", **password)
    assert read_unverified(flow.tokens(subject, prompt="login")["id_token"])["sub"] == first


def test_provider_request_has_own_state_nonce_and_code_challenge(
    flow: FederatedFlow, federated_emulator: Emulator
) -> None:
    url = flow.start_sign_in(identity_provider="Corporate", nonce="the app's nonce", login_hint="fay", prompt="login")
    query = read_query(url)
    assert query["client_id"] == "cognito-here"
    assert query["redirect_uri"] == f"{federated_emulator.url}/oauth2/idpresponse"
    assert query["scope"] == "openid email profile"
    assert (query["login_hint"], query["prompt"]) == ("fay", "login")
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert query["state"] not in ("a state", "")
    assert query["nonce"] not in ("the app's nonce", "")
    second_query = read_query(flow.start_sign_in(identity_provider="Corporate"))
    assert not {query["state"], query["nonce"], query["code_challenge"]} & set(second_query.values())
    assert "prompt" not in second_query


def test_login_hint_is_not_forwarded_to_saml(flow: FederatedFlow) -> None:
    assert "login_hint" in read_query(flow.start_sign_in(identity_provider="Google", login_hint="fay"))
    assert "login_hint" not in read_query(flow.start_sign_in(identity_provider="StaffSaml", login_hint="fay"))


def test_federated_sign_in_returns_state_and_nonce_to_the_app(flow: FederatedFlow) -> None:
    callback_url = flow.sign_in(flow.provider.put("f-5"), nonce="the app's nonce")
    assert read_query(callback_url)["state"] == "a state"
    tokens = flow.browser.site.redeem(read_query(callback_url)["code"]).json()
    assert read_unverified(tokens["id_token"])["nonce"] == "the app's nonce"


def test_id_token_has_a_nonce_if_the_app_sent_none(flow: FederatedFlow) -> None:
    assert len(read_unverified(flow.tokens(flow.provider.put("f-6"))["id_token"])["nonce"]) > 20


def test_idp_identifier_redirects_to_the_provider(flow: FederatedFlow) -> None:
    flow.start_sign_in(idp_identifier="corporate.example")


@pytest.mark.parametrize(
    ("client_id", "changes"),
    [
        ("1both", {"identity_provider": "Nobody"}),
        ("1both", {"idp_identifier": "nobody.example"}),
        ("4own", {"identity_provider": "Corporate"}),
        ("4own", {"idp_identifier": "corporate.example"}),
        ("3one", {"identity_provider": "COGNITO"}),
    ],
)
def test_provider_that_the_client_does_not_support_is_refused(
    federated_emulator: Emulator, client_id: str, changes: dict[str, str]
) -> None:
    with Browser(site_for(federated_emulator, client_id)) as browser:
        browser.authorize(**changes)
        assert read_query(browser.current_response.headers["Location"]) == {
            "error": "invalid_request",
            "state": "a state",
        }


def providers_on(text: str) -> list[str]:
    return re.findall(r">Continue with (\w+)</a>", text)


def test_login_page_has_a_button_for_each_provider_of_the_client(federated_emulator: Emulator) -> None:
    names = {
        "1both": ["Corporate", "Plain", "Google", "StaffSaml", "Gone"],
        "2others": ["Corporate", "Plain"],
        "4own": [],
    }
    for client_id, expected in names.items():
        with Browser(site_for(federated_emulator, client_id)) as browser:
            text = browser.authorize().text
            assert providers_on(text) == expected
            # The hidden fields are missing too, so a password cannot be submitted.
            assert ({"password", "attempt"} <= Page(text).inputs.keys()) is (client_id != "2others")


def test_provider_button_preserves_the_authorization_request(flow: FederatedFlow) -> None:
    text = flow.browser.authorize(nonce="n").text
    link = re.search(r'href="(/oauth2/authorize\?[^"]*identity_provider=Plain)"', text)
    assert link is not None
    flow.browser.open(link[1].replace("&amp;", "&"))
    url = flow.browser.current_response.headers["Location"]
    callback_url = flow.finish_sign_in(flow.provider.submit(url, sub="f-7"))
    assert read_query(callback_url)["state"] == "a state"


def test_identity_provider_cognito_shows_only_the_password_form(flow: FederatedFlow) -> None:
    text = flow.browser.authorize(identity_provider="COGNITO").text
    assert providers_on(text) == []
    assert "password" in Page(text).inputs


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/login"])
def test_client_with_one_provider_redirects_without_login_page(
    federated_emulator: Emulator, provider: Provider, path: str
) -> None:
    with Browser(site_for(federated_emulator, "3one")) as browser:
        browser.open(path, **browser.site.authorize_parameters())
        assert browser.current_response.headers["Location"].startswith(provider.url)


@pytest.mark.parametrize("path", ["/signup", "/forgotPassword"])
def test_client_without_cognito_provider_has_no_sign_up_or_reset(federated_emulator: Emulator, path: str) -> None:
    with Browser(site_for(federated_emulator, "2others")) as browser:
        browser.open(path, **browser.site.authorize_parameters())
        assert read_query(browser.current_response.headers["Location"])["error"] == "invalid_request"


def test_signed_in_browser_is_not_redirected_to_the_provider(flow: FederatedFlow) -> None:
    flow.sign_in(flow.provider.put("f-8"))
    assert "code" in read_query(flow.browser.authorize().headers["Location"])
    assert "code" in read_query(flow.browser.authorize(identity_provider="Corporate").headers["Location"])
    assert "code" in read_query(flow.browser.authorize(prompt="none").headers["Location"])


def test_session_of_one_provider_does_not_sign_in_for_another(flow: FederatedFlow) -> None:
    flow.sign_in(flow.provider.put("f-9"))
    flow.start_sign_in(identity_provider="Plain")
    assert "password" in Page(flow.browser.authorize(identity_provider="COGNITO").text).inputs
    answer = flow.browser.authorize(identity_provider="Plain", prompt="none")
    assert read_query(answer.headers["Location"])["error"] == "login_required"


def test_prompt_login_redirects_to_the_provider_again(flow: FederatedFlow) -> None:
    flow.sign_in(flow.provider.put("f-10"))
    flow.start_sign_in(identity_provider="Corporate", prompt="login")
    flow.start_sign_in(identity_provider="Corporate", prompt="login select_account")


@pytest.mark.parametrize(
    ("name", "provider_type", "issuer"), [("Google", "Google", None), ("StaffSaml", "SAML", "the provider's")]
)
def test_google_and_saml_stand_ins_use_the_names_they_replace(
    flow: FederatedFlow, name: str, provider_type: str, issuer: str | None
) -> None:
    claims = read_unverified(flow.tokens(flow.provider.put("g-1"), identity_provider=name)["id_token"])
    assert claims["cognito:username"] == f"{name.lower()}_g-1"
    assert claims["cognito:groups"] == [f"{POOL_ID}_{name}"]
    identity = claims["identities"][0]
    assert identity["providerType"] == provider_type
    assert identity["issuer"] == (flow.provider.url if issuer else None)


def test_denied_consent_at_the_provider_is_access_denied(flow: FederatedFlow) -> None:
    url = flow.start_sign_in(identity_provider="Corporate")
    query = read_query(flow.finish_sign_in(flow.provider.submit(url, action="deny")))
    assert (query["error"], query["state"]) == ("access_denied", "a state")
    assert query["error_description"]


def test_provider_error_without_state_belongs_to_the_latest_sign_in(flow: FederatedFlow) -> None:
    flow.start_sign_in(identity_provider="Corporate", state="first")
    flow.start_sign_in(identity_provider="Corporate", state="second")
    assert read_query(flow.finish_sign_in(idp_response_url(flow, error="access_denied")))["state"] == "second"
    assert is_provider_answer_error(flow.browser.get(idp_response_url(flow, error="access_denied"), timeout=30))


def idp_response_url(flow: FederatedFlow, **query: str) -> str:
    return requests.Request("GET", f"{flow.browser.site.url}/oauth2/idpresponse", params=query).prepare().url or ""


def test_provider_error_is_an_invalid_request(flow: FederatedFlow) -> None:
    state = read_query(flow.start_sign_in(identity_provider="Corporate"))["state"]
    query = read_query(flow.finish_sign_in(idp_response_url(flow, state=state, error="temporarily_unavailable")))
    assert query["error"] == "invalid_request"
    assert query["error_description"] == "Corporate Error - temporarily_unavailable"


def test_invalid_provider_code_is_a_token_error(flow: FederatedFlow) -> None:
    state = read_query(flow.start_sign_in(identity_provider="Corporate"))["state"]
    query = read_query(flow.finish_sign_in(idp_response_url(flow, state=state, code="invented")))
    assert query == {
        "error": "invalid_request",
        "error_description": "Corporate Error - 400 error getting token",
        "state": "a state",
    }


def test_invalid_google_code_includes_the_error_code(flow: FederatedFlow) -> None:
    state = read_query(flow.start_sign_in(identity_provider="Google"))["state"]
    query = read_query(flow.finish_sign_in(idp_response_url(flow, state=state, code="invented")))
    assert query["error_description"] == "Google Error - 400 invalid_grant"


def test_provider_response_without_code_is_an_error(flow: FederatedFlow) -> None:
    state = read_query(flow.start_sign_in(identity_provider="Corporate"))["state"]
    query = read_query(flow.finish_sign_in(idp_response_url(flow, state=state)))
    assert query["error_description"] == "Corporate Error - no code in the response"


def test_provider_response_of_another_issuer_is_refused(flow: FederatedFlow) -> None:
    url = flow.start_sign_in(identity_provider="Corporate")
    response_url = flow.provider.submit(url, sub="f-11") + "&iss=https%3A%2F%2Fevil.example"
    assert read_query(flow.finish_sign_in(response_url))["error_description"] == "Bad iss in the provider's response"


def test_provider_code_of_another_sign_in_is_refused(flow: FederatedFlow) -> None:
    injected = read_query(flow.provider.submit(flow.start_sign_in(identity_provider="Corporate"), sub="mallory"))[
        "code"
    ]
    state = read_query(flow.start_sign_in(identity_provider="Corporate"))["state"]
    query = read_query(flow.finish_sign_in(idp_response_url(flow, state=state, code=injected)))
    assert query["error"] == "invalid_request"
    assert "code" not in query


def test_unreachable_provider_is_an_error_for_the_app(flow: FederatedFlow) -> None:
    query = read_query(flow.browser.authorize(identity_provider="Gone").headers["Location"])
    assert query["error"] == "invalid_request"
    assert query["error_description"] == "Timeout occurred in calling IdP discovery endpoint"


def is_provider_answer_error(answer: requests.Response) -> bool:
    return answer.status_code == 400 and "<code>provider_answer</code>" in answer.text


def test_provider_response_is_accepted_once(flow: FederatedFlow) -> None:
    url = flow.provider.submit(flow.start_sign_in(identity_provider="Corporate"), sub="f-12")
    flow.finish_sign_in(url)
    assert is_provider_answer_error(flow.browser.get(url, allow_redirects=False, timeout=30))


def test_provider_response_in_another_browser_is_refused(flow: FederatedFlow, federated_emulator: Emulator) -> None:
    url = flow.provider.submit(flow.start_sign_in(identity_provider="Corporate"), sub="f-13")
    with Browser(site_for(federated_emulator, "1both")) as victim:
        victim.authorize()
        assert is_provider_answer_error(victim.get(url, allow_redirects=False, timeout=30))


def test_provider_response_without_pending_sign_in_is_an_error_page(flow: FederatedFlow) -> None:
    assert is_provider_answer_error(flow.browser.get(idp_response_url(flow, state="invented", code="x"), timeout=30))
    assert is_provider_answer_error(flow.browser.get(idp_response_url(flow), timeout=30))


def test_disabled_federated_user_is_denied(flow: FederatedFlow, federated_emulator: Emulator) -> None:
    subject = flow.provider.put("f-14")
    flow.sign_in(subject)
    federated_emulator.service.pools.get(POOL_ID).users["corporate_f-14"].enabled = False
    query = read_query(flow.sign_in(subject, prompt="login"))
    assert (query["error"], query["error_description"]) == ("access_denied", "User is disabled.")


def test_missing_required_attribute_refuses_the_federated_user(
    flow: FederatedFlow, federated_emulator: Emulator
) -> None:
    name = federated_emulator.service.pools.get(POOL_ID).schema_attributes["name"]
    name.required = True
    try:
        query = read_query(flow.sign_in(flow.provider.put("f-15", email="f@corporate.example")))
        assert (query["error"], query["error_description"]) == ("invalid_request", "attributes required: [name]")
        assert "corporate_f-15" not in federated_emulator.service.pools.get(POOL_ID).users
    finally:
        name.required = False


@pytest.fixture
def idp(federated_emulator: Emulator) -> Any:
    config = Config(retries={"max_attempts": 0})
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client(
        "cognito-idp", endpoint_url=federated_emulator.endpoint_url, region_name="eu-west-1", config=config, **keys
    )


def test_federated_user_is_in_the_api_and_has_no_password(
    flow: FederatedFlow, federated_emulator: Emulator, idp: Any
) -> None:
    tokens = flow.tokens(flow.provider.put("f-16", email="f16@corporate.example"))
    user = idp.admin_get_user(UserPoolId=POOL_ID, Username="corporate_f-16")
    assert user["UserStatus"] == "EXTERNAL_PROVIDER"
    user_attributes = {item["Name"]: item["Value"] for item in user["UserAttributes"]}
    (identity,) = json.loads(user_attributes["identities"])
    assert (identity["primary"], identity["userId"]) == (True, "f-16")
    listed = idp.list_users(UserPoolId=POOL_ID, Filter='cognito:user_status = "EXTERNAL_PROVIDER"')["Users"]
    assert "corporate_f-16" in [user["Username"] for user in listed]
    refreshed = flow.browser.site.post(
        "/oauth2/token", grant_type="refresh_token", client_id="1both", refresh_token=tokens["refresh_token"]
    ).json()
    assert read_unverified(refreshed["id_token"])["identities"]
    flow.browser.authorize(prompt="login")
    assert "Incorrect username or password." in flow.browser.sign_in("corporate_f-16", "").text


def test_get_user_returns_the_federated_user(flow: FederatedFlow, federated_emulator: Emulator) -> None:
    subject = flow.provider.put("f-17")
    flow.sign_in(subject)
    service = federated_emulator.service
    user, client = service.pools.find_moto_user(POOL_ID, "corporate_f-17"), service.client("1both")
    assert user is not None
    assert client is not None
    raw = service.issue_api_tokens(client, service.pools.to_user(user))["AccessToken"]
    unsigned = boto3.client(
        "cognito-idp",
        endpoint_url=federated_emulator.endpoint_url,
        region_name="eu-west-1",
        config=Config(signature_version=UNSIGNED),
    )
    assert unsigned.get_user(AccessToken=raw)["Username"] == "corporate_f-17"


def test_federated_sign_in_with_acr_values_has_amr_fed(flow: FederatedFlow) -> None:
    claims = read_unverified(flow.tokens(flow.provider.put("f-18"), acr_values="urn:cognito:loa:1")["id_token"])
    assert (claims["acr"], claims["amr"]) == ("urn:cognito:loa:1", ["fed"])


def test_callback_url_of_federated_sign_in_has_only_code_and_state(flow: FederatedFlow) -> None:
    callback_url = flow.sign_in(flow.provider.put("f-19"))
    parts = urlsplit(callback_url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
    assert set(parse_qs(parts.query)) == {"code", "state"}
