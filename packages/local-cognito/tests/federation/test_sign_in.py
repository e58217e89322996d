"""Sign-in through an OpenID provider from the app's first redirect to its tokens, and each way it can go wrong."""

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
from local_cognito_support.hosted_site import CALLBACK, Browser, Page, query_of, unverified
from local_cognito_support.identity_provider import POOL_ID, Provider, Visitor, site_for


def attributes(emulator: Emulator, username: str) -> dict[str, str]:
    user = emulator.service.pools.get(POOL_ID).users[username]
    return {item["Name"]: item["Value"] for item in user.attributes}


def test_a_person_of_the_provider_becomes_one_of_the_pool(visitor: Visitor, federated: Emulator) -> None:
    subject = visitor.provider.put(
        "f-1", email="fay@corporate.example", email_verified=True, name="Fay", teams=["a b", "c"]
    )
    tokens = visitor.tokens(subject, scope="openid email")
    claims = unverified(tokens["id_token"])
    assert claims["cognito:username"] == "Corporate_f-1"
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
    access = unverified(tokens["access_token"])
    assert (access["username"], access["sub"]) == ("Corporate_f-1", claims["sub"])
    own = attributes(federated, "Corporate_f-1")
    assert (own["name"], own["custom:teams"]) == ("Fay", "[a+b,c]")


def test_the_same_person_comes_back_as_the_same_one_with_what_has_changed(
    visitor: Visitor, federated: Emulator
) -> None:
    subject = visitor.provider.put("f-2", email="old@corporate.example", email_verified=True, name="Before")
    first = unverified(visitor.tokens(subject)["id_token"])
    visitor.provider.put("f-2", email="new@corporate.example", name="After")
    second = unverified(visitor.tokens(subject, prompt="login")["id_token"])
    assert second["sub"] == first["sub"]
    own = attributes(federated, "Corporate_f-2")
    assert (own["email"], own["email_verified"], own["name"]) == ("new@corporate.example", "false", "After")


def test_an_address_is_unverified_where_nobody_says_that_it_is_verified(visitor: Visitor, federated: Emulator) -> None:
    subject = visitor.provider.put("f-3", email="alice@example.com", email_verified=True)
    claims = unverified(visitor.tokens(subject, identity_provider="Plain")["id_token"])
    assert claims["email_verified"] is False


def test_an_address_of_somebody_of_the_pool_gives_nobody_their_account(visitor: Visitor, federated: Emulator) -> None:
    subject = visitor.provider.put("f-4", email="alice@example.com", email_verified=True)
    claims = unverified(visitor.tokens(subject)["id_token"])
    alice = federated.service.pools.find_moto_user(POOL_ID, "alice@example.com")
    assert alice is not None
    assert alice.username == "alice"
    assert claims["sub"] != alice.id


def test_a_name_taken_beforehand_does_not_lie_in_wait_for_a_person_of_the_provider(
    visitor: Visitor, federated: Emulator
) -> None:
    site, name = visitor.browser.site, "Corporate_victim"
    site.service.sign_ups.register(site.public, name, "Correct-horse-7", {"email": "mallory@example.com"})
    query = query_of(visitor.sign_in(visitor.provider.put("victim")))
    assert query["error"] == "invalid_request"
    assert query["error_description"] == "Another user has the name Corporate_victim already"


def test_whoever_was_given_a_password_by_an_administrator_is_the_same_person(visitor: Visitor, idp: Any) -> None:
    subject = visitor.provider.put("f-20")
    first = unverified(visitor.tokens(subject)["id_token"])["sub"]
    password = {"Password": "Correct-horse-7", "Permanent": True}
    idp.admin_set_user_password(UserPoolId=POOL_ID, Username="Corporate_f-20", **password)
    assert unverified(visitor.tokens(subject, prompt="login")["id_token"])["sub"] == first


def test_what_is_sent_to_the_provider_is_the_local_cognitos_own(visitor: Visitor, federated: Emulator) -> None:
    address = visitor.set_out(identity_provider="Corporate", nonce="the app's nonce", login_hint="fay", prompt="login")
    query = query_of(address)
    assert query["client_id"] == "cognito-here"
    assert query["redirect_uri"] == f"{federated.url}/oauth2/idpresponse"
    assert query["scope"] == "openid email profile"
    assert (query["login_hint"], query["prompt"]) == ("fay", "login")
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert query["state"] not in ("a state", "")
    assert query["nonce"] not in ("the app's nonce", "")
    again = query_of(visitor.set_out(identity_provider="Corporate"))
    assert not {query["state"], query["nonce"], query["code_challenge"]} & set(again.values())
    assert "prompt" not in again


def test_a_login_hint_is_not_forwarded_to_who_takes_none(visitor: Visitor) -> None:
    assert "login_hint" in query_of(visitor.set_out(identity_provider="Google", login_hint="fay"))
    assert "login_hint" not in query_of(visitor.set_out(identity_provider="StaffSaml", login_hint="fay"))


def test_the_apps_state_and_nonce_come_back_to_the_app(visitor: Visitor) -> None:
    answer = visitor.sign_in(visitor.provider.put("f-5"), nonce="the app's nonce")
    assert query_of(answer)["state"] == "a state"
    tokens = visitor.browser.site.redeem(query_of(answer)["code"]).json()
    assert unverified(tokens["id_token"])["nonce"] == "the app's nonce"


def test_a_nonce_is_made_where_the_app_has_sent_none(visitor: Visitor) -> None:
    assert len(unverified(visitor.tokens(visitor.provider.put("f-6"))["id_token"])["nonce"]) > 20


def test_an_identifier_leads_to_the_provider_too(visitor: Visitor) -> None:
    visitor.set_out(idp_identifier="corporate.example")


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
def test_a_provider_that_the_client_has_not_is_refused(
    federated: Emulator, client_id: str, changes: dict[str, str]
) -> None:
    with Browser(site_for(federated, client_id)) as browser:
        browser.authorize(**changes)
        assert query_of(browser.shown.headers["Location"]) == {"error": "invalid_request", "state": "a state"}


def providers_on(text: str) -> list[str]:
    return re.findall(r">Continue with (\w+)</a>", text)


def test_the_login_page_has_a_button_for_each_provider_of_the_client(federated: Emulator) -> None:
    names = {
        "1both": ["Corporate", "Plain", "Google", "StaffSaml", "Gone"],
        "2others": ["Corporate", "Plain"],
        "4own": [],
    }
    for client_id, expected in names.items():
        with Browser(site_for(federated, client_id)) as browser:
            text = browser.authorize().text
            assert providers_on(text) == expected
            # Without the form's hidden fields no password can be sent either.
            assert ({"password", "attempt"} <= Page(text).inputs.keys()) is (client_id != "2others")


def test_a_button_leads_to_the_provider_with_the_apps_request(visitor: Visitor) -> None:
    text = visitor.browser.authorize(nonce="n").text
    found = re.search(r'href="(/oauth2/authorize\?[^"]*identity_provider=Plain)"', text)
    assert found is not None
    visitor.browser.open(found[1].replace("&amp;", "&"))
    address = visitor.browser.shown.headers["Location"]
    answer = visitor.come_back(visitor.provider.answer(address, sub="f-7"))
    assert query_of(answer)["state"] == "a state"


def test_the_pool_itself_can_be_asked_for(visitor: Visitor) -> None:
    text = visitor.browser.authorize(identity_provider="COGNITO").text
    assert providers_on(text) == []
    assert "password" in Page(text).inputs


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/login"])
def test_a_client_with_one_provider_has_no_login_page(federated: Emulator, provider: Provider, path: str) -> None:
    with Browser(site_for(federated, "3one")) as browser:
        browser.open(path, **browser.site.authorize_parameters())
        assert browser.shown.headers["Location"].startswith(provider.url)


@pytest.mark.parametrize("path", ["/signup", "/forgotPassword"])
def test_a_client_without_people_of_the_pool_itself_has_no_pages_for_them(federated: Emulator, path: str) -> None:
    with Browser(site_for(federated, "2others")) as browser:
        browser.open(path, **browser.site.authorize_parameters())
        assert query_of(browser.shown.headers["Location"])["error"] == "invalid_request"


def test_the_browser_is_signed_in_and_does_not_go_to_the_provider_again(visitor: Visitor) -> None:
    visitor.sign_in(visitor.provider.put("f-8"))
    assert "code" in query_of(visitor.browser.authorize().headers["Location"])
    assert "code" in query_of(visitor.browser.authorize(identity_provider="Corporate").headers["Location"])
    assert "code" in query_of(visitor.browser.authorize(prompt="none").headers["Location"])


def test_a_session_of_one_provider_is_none_of_another(visitor: Visitor) -> None:
    visitor.sign_in(visitor.provider.put("f-9"))
    visitor.set_out(identity_provider="Plain")
    assert "password" in Page(visitor.browser.authorize(identity_provider="COGNITO").text).inputs
    answer = visitor.browser.authorize(identity_provider="Plain", prompt="none")
    assert query_of(answer.headers["Location"])["error"] == "login_required"


def test_a_new_sign_in_can_be_asked_for(visitor: Visitor) -> None:
    visitor.sign_in(visitor.provider.put("f-10"))
    visitor.set_out(identity_provider="Corporate", prompt="login")
    visitor.set_out(identity_provider="Corporate", prompt="login select_account")


@pytest.mark.parametrize(
    ("name", "kind", "issuer"), [("Google", "Google", None), ("StaffSaml", "SAML", "the provider's")]
)
def test_a_stand_in_signs_in_under_the_name_that_it_stands_in_for(
    visitor: Visitor, name: str, kind: str, issuer: str | None
) -> None:
    claims = unverified(visitor.tokens(visitor.provider.put("g-1"), identity_provider=name)["id_token"])
    assert claims["cognito:username"] == f"{name}_g-1"
    assert claims["cognito:groups"] == [f"{POOL_ID}_{name}"]
    identity = claims["identities"][0]
    assert identity["providerType"] == kind
    assert identity["issuer"] == (visitor.provider.url if issuer else None)


def test_whoever_refuses_at_the_provider_is_denied_to_the_app(visitor: Visitor) -> None:
    address = visitor.set_out(identity_provider="Corporate")
    query = query_of(visitor.come_back(visitor.provider.answer(address, action="deny")))
    assert (query["error"], query["state"]) == ("access_denied", "a state")
    assert query["error_description"]


def test_a_no_without_a_state_is_of_the_way_that_the_browser_went_last(visitor: Visitor) -> None:
    visitor.set_out(identity_provider="Corporate", state="first")
    visitor.set_out(identity_provider="Corporate", state="second")
    assert query_of(visitor.come_back(callback(visitor, error="access_denied")))["state"] == "second"
    assert is_turned_away(visitor.browser.get(callback(visitor, error="access_denied"), timeout=30))


def callback(visitor: Visitor, **query: str) -> str:
    return requests.Request("GET", f"{visitor.browser.site.url}/oauth2/idpresponse", params=query).prepare().url or ""


def test_another_failure_at_the_provider_is_an_invalid_request(visitor: Visitor) -> None:
    state = query_of(visitor.set_out(identity_provider="Corporate"))["state"]
    query = query_of(visitor.come_back(callback(visitor, state=state, error="temporarily_unavailable")))
    assert query["error"] == "invalid_request"
    assert query["error_description"] == "Corporate Error - temporarily_unavailable"


def test_a_code_that_the_provider_did_not_give_is_told_as_cognito_tells_it(visitor: Visitor) -> None:
    state = query_of(visitor.set_out(identity_provider="Corporate"))["state"]
    query = query_of(visitor.come_back(callback(visitor, state=state, code="invented")))
    assert query == {
        "error": "invalid_request",
        "error_description": "Corporate Error - 400 error getting token",
        "state": "a state",
    }


def test_of_googles_failure_the_code_is_told(visitor: Visitor) -> None:
    state = query_of(visitor.set_out(identity_provider="Google"))["state"]
    query = query_of(visitor.come_back(callback(visitor, state=state, code="invented")))
    assert query["error_description"] == "Google Error - 400 invalid_grant"


def test_an_answer_without_a_code_is_none(visitor: Visitor) -> None:
    state = query_of(visitor.set_out(identity_provider="Corporate"))["state"]
    query = query_of(visitor.come_back(callback(visitor, state=state)))
    assert query["error_description"] == "Corporate Error - no code in the response"


def test_an_answer_of_another_issuer_is_refused(visitor: Visitor) -> None:
    address = visitor.set_out(identity_provider="Corporate")
    answer = visitor.provider.answer(address, sub="f-11") + "&iss=https%3A%2F%2Fevil.example"
    assert query_of(visitor.come_back(answer))["error_description"] == "Bad iss in the provider's response"


def test_a_code_for_another_sign_in_has_the_wrong_nonce_or_verifier(visitor: Visitor) -> None:
    injected = query_of(visitor.provider.answer(visitor.set_out(identity_provider="Corporate"), sub="mallory"))["code"]
    state = query_of(visitor.set_out(identity_provider="Corporate"))["state"]
    query = query_of(visitor.come_back(callback(visitor, state=state, code=injected)))
    assert query["error"] == "invalid_request"
    assert "code" not in query


def test_a_provider_that_does_not_answer_is_told_to_the_app(visitor: Visitor) -> None:
    query = query_of(visitor.browser.authorize(identity_provider="Gone").headers["Location"])
    assert query["error"] == "invalid_request"
    assert query["error_description"] == "Timeout occurred in calling IdP discovery endpoint"


def is_turned_away(answer: requests.Response) -> bool:
    return answer.status_code == 400 and "<code>provider_answer</code>" in answer.text


def test_an_answer_counts_once(visitor: Visitor) -> None:
    address = visitor.provider.answer(visitor.set_out(identity_provider="Corporate"), sub="f-12")
    visitor.come_back(address)
    assert is_turned_away(visitor.browser.get(address, allow_redirects=False, timeout=30))


def test_an_answer_counts_in_the_browser_alone_that_set_out(visitor: Visitor, federated: Emulator) -> None:
    address = visitor.provider.answer(visitor.set_out(identity_provider="Corporate"), sub="f-13")
    with Browser(site_for(federated, "1both")) as victim:
        victim.authorize()
        assert is_turned_away(victim.get(address, allow_redirects=False, timeout=30))


def test_an_answer_that_nobody_waits_for_is_a_page(visitor: Visitor) -> None:
    assert is_turned_away(visitor.browser.get(callback(visitor, state="invented", code="x"), timeout=30))
    assert is_turned_away(visitor.browser.get(callback(visitor), timeout=30))


def test_somebody_disabled_is_denied(visitor: Visitor, federated: Emulator) -> None:
    subject = visitor.provider.put("f-14")
    visitor.sign_in(subject)
    federated.service.pools.get(POOL_ID).users["Corporate_f-14"].enabled = False
    query = query_of(visitor.sign_in(subject, prompt="login"))
    assert (query["error"], query["error_description"]) == ("access_denied", "User is disabled.")


def test_an_attribute_that_the_pool_requires_must_come(visitor: Visitor, federated: Emulator) -> None:
    name = federated.service.pools.get(POOL_ID).schema_attributes["name"]
    name.required = True
    try:
        query = query_of(visitor.sign_in(visitor.provider.put("f-15", email="f@corporate.example")))
        assert (query["error"], query["error_description"]) == ("invalid_request", "attributes required: [name]")
        assert "Corporate_f-15" not in federated.service.pools.get(POOL_ID).users
    finally:
        name.required = False


def test_names_are_in_small_letters_where_the_pool_has_none_others(visitor: Visitor, federated: Emulator) -> None:
    config = federated.service.pools.get(POOL_ID).extended_config
    config["UsernameConfiguration"] = {"CaseSensitive": False}
    try:
        claims = unverified(visitor.tokens(visitor.provider.put("Mixed-Case"))["id_token"])
        assert claims["cognito:username"] == "corporate_mixed-case"
    finally:
        del config["UsernameConfiguration"]


@pytest.fixture
def idp(federated: Emulator) -> Any:
    config = Config(retries={"max_attempts": 0})
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client(
        "cognito-idp", endpoint_url=federated.endpoint_url, region_name="eu-west-1", config=config, **keys
    )


def test_the_api_knows_them_and_their_password_is_none(visitor: Visitor, federated: Emulator, idp: Any) -> None:
    tokens = visitor.tokens(visitor.provider.put("f-16", email="f16@corporate.example"))
    person = idp.admin_get_user(UserPoolId=POOL_ID, Username="Corporate_f-16")
    assert person["UserStatus"] == "EXTERNAL_PROVIDER"
    own = {item["Name"]: item["Value"] for item in person["UserAttributes"]}
    (identity,) = json.loads(own["identities"])
    assert (identity["primary"], identity["userId"]) == (True, "f-16")
    listed = idp.list_users(UserPoolId=POOL_ID, Filter='cognito:user_status = "EXTERNAL_PROVIDER"')["Users"]
    assert "Corporate_f-16" in [user["Username"] for user in listed]
    renewed = visitor.browser.site.post(
        "/oauth2/token", grant_type="refresh_token", client_id="1both", refresh_token=tokens["refresh_token"]
    ).json()
    assert unverified(renewed["id_token"])["identities"]
    visitor.browser.authorize(prompt="login")
    assert "Incorrect username or password." in visitor.browser.sign_in("Corporate_f-16", "").text


def test_get_user_answers_for_them(visitor: Visitor, federated: Emulator) -> None:
    subject = visitor.provider.put("f-17")
    visitor.sign_in(subject)
    authority = federated.service
    user, client = authority.pools.find_moto_user(POOL_ID, "Corporate_f-17"), authority.client("1both")
    assert user is not None
    assert client is not None
    raw = authority.issue_api_tokens(client, authority.pools.to_user(user))["AccessToken"]
    unsigned = boto3.client(
        "cognito-idp",
        endpoint_url=federated.endpoint_url,
        region_name="eu-west-1",
        config=Config(signature_version=UNSIGNED),
    )
    assert unsigned.get_user(AccessToken=raw)["Username"] == "Corporate_f-17"


def test_a_federated_sign_in_says_so_where_the_app_asks_how_well_it_knows_somebody(visitor: Visitor) -> None:
    claims = unverified(visitor.tokens(visitor.provider.put("f-18"), acr_values="urn:cognito:loa:1")["id_token"])
    assert (claims["acr"], claims["amr"]) == ("urn:cognito:loa:1", ["fed"])


def test_the_callback_goes_to_the_app_alone(visitor: Visitor) -> None:
    answer = visitor.sign_in(visitor.provider.put("f-19"))
    parts = urlsplit(answer)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
    assert set(parse_qs(parts.query)) == {"code", "state"}
