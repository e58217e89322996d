"""The hosted UI's sign-up: the form, the code, another code; and the ways between its pages."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from local_cognito import Emulator
from local_cognito_support.codes import different_code, latest_code
from local_cognito_support.hosted_site import (
    CALLBACK,
    PASSWORD,
    Browser,
    Page,
    Site,
    query_of,
    read_unverified,
    running_site,
)


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        yield browser


def open_sign_up(browser: Browser, **changes: str | None) -> str:
    return browser.open("/signup", **browser.site.authorize_parameters(**changes)).text


def sign_up(browser: Browser, username: str = "nora", **changes: str) -> str:
    fields = {"email": f"{username}@example.com", "password": PASSWORD, "confirm_password": PASSWORD, **changes}
    return browser.submit(username=username, **fields).text


def code(browser: Browser, username: str = "nora") -> str:
    return latest_code(browser.site.service.mailbox, username)


def links(text: str, site: Site) -> dict[str, dict[str, str]]:
    """The pages that a page leads to, each with the parameters that it is given."""
    found = [each.replace("&amp;", "&") for each in re.findall(r'href="(/[a-zA-Z]+\?[^"]+)"', text)]
    return {urlsplit(address).path: query_of(address) for address in found}


def test_somebody_new_signs_up_and_is_signed_in_with_a_code_for_the_app(browser: Browser) -> None:
    open_sign_up(browser, state="a state")
    assert "A code has been sent to n***@e***." in sign_up(browser)
    answer = browser.submit(code=code(browser))
    assert answer.headers["Location"].startswith(f"{CALLBACK}?code=")
    assert query_of(answer.headers["Location"])["state"] == "a state"
    tokens = browser.site.redeem(query_of(answer.headers["Location"])["code"]).json()
    assert read_unverified(tokens["id_token"])["email_verified"] is True
    assert "code" in query_of(browser.authorize().headers["Location"])  # the browser is signed in


def test_without_the_code_nobody_is_signed_in(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    assert "Location" not in browser.authorize().headers


def test_a_code_may_be_written_in_threes(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    digits = code(browser)
    assert "Location" in browser.submit(code=f"{digits[:3]} {digits[3:]}").headers


def test_a_wrong_code_stays_at_the_code(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    assert "Invalid verification code provided" in browser.submit(code=different_code(code(browser))).text
    assert "Location" in browser.submit(code=code(browser)).headers


def test_another_code_is_sent_on_request(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    hidden = Page(browser.current_response.text).hidden
    address = f"{browser.site.url}/resendcode"
    query = browser.site.authorize_parameters()
    for _ in range(4):
        answer = browser.post(address, params=query, data=hidden, timeout=30)
        assert "A code has been sent to n***@e***." in answer.text
    assert "Attempt limit exceeded" in browser.post(address, params=query, data=hidden, timeout=30).text
    assert len(browser.site.service.mailbox.messages()) == 5
    assert "Location" in browser.submit(code=code(browser)).headers


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"username": "alice"}, "User already exists"),
        ({"username": "two words"}, "Username must be 1 to 128 characters without spaces."),
        ({"email": "no address"}, "Invalid email address format."),
        ({"password": "short", "confirm_password": "short"}, "Password not long enough"),
        ({"confirm_password": "another"}, "The two passwords are not the same."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_right_is_kept(
    browser: Browser, changes: dict[str, str], sentence: str
) -> None:
    open_sign_up(browser)
    text = sign_up(browser, **{"username": "nora", **changes})
    assert sentence in text
    inputs = Page(text).inputs
    assert inputs["username"]["value"] == changes.get("username", "nora")
    assert "value" not in inputs["password"]
    assert sign_up(browser, "nora").count("A code has been sent") == 1


def test_what_passwords_need_is_said_before(browser: Browser) -> None:
    assert "At least 8 characters, among them a lower-case letter" in open_sign_up(browser)


def test_login_sign_up_and_forgotten_password_lead_to_each_other_with_the_apps_request(browser: Browser) -> None:
    site = browser.site
    parameters = site.authorize_parameters(nonce="n", scope="openid email", login_hint="nora")
    pages = {"/login": ["/signup", "/forgotPassword"], "/signup": ["/login"], "/forgotPassword": ["/login"]}
    for page, others in pages.items():
        found = links(browser.open(page, **parameters).text, site)
        assert found == dict.fromkeys(others, parameters), page


def test_later_pages_keep_the_apps_request_too(browser: Browser) -> None:
    open_sign_up(browser)
    assert links(sign_up(browser), browser.site) == {"/login": browser.site.authorize_parameters()}


def test_who_is_not_confirmed_is_led_to_the_code_by_the_right_password_alone(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    browser.authorize()
    assert "Confirm your account" not in browser.sign_in("nora", "wrong").text
    text = browser.sign_in("nora").text
    assert "User is not confirmed." in text
    way = re.search(r'href="(/confirm\?[^"]+)"', text)
    assert way is not None
    browser.open(way[1].replace("&amp;", "&"))
    assert "Location" in browser.submit(code=code(browser)).headers


def test_an_address_of_the_code_page_is_nobody_elses(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    with Browser(browser.site) as stranger:
        stranger.authorize()
        assert stranger.get(browser.current_response.url, timeout=30).status_code == 400


def test_a_sign_up_dies_with_its_time_and_can_be_begun_again(browser: Browser) -> None:
    open_sign_up(browser)
    browser.site.clock.pass_seconds(300)
    text = sign_up(browser)
    assert "This sign-in has expired or was already used" in text
    assert "/oauth2/authorize?response_type=code" in text


@pytest.mark.parametrize("step", ["register", "confirm"])
def test_a_step_that_takes_longer_than_the_sign_in_lives_ends_it(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    sign_ups, clock = browser.site.service.sign_ups, browser.site.clock
    take_the_step = getattr(sign_ups, step)

    def slowly(*given: object) -> object:
        done = take_the_step(*given)
        clock.pass_seconds(300)
        return done

    monkeypatch.setattr(sign_ups, step, slowly)
    open_sign_up(browser)
    text = sign_up(browser)
    if step == "confirm":
        text = browser.submit(code=code(browser)).text
    assert "This sign-in has expired or was already used" in text


def test_prompt_none_shows_no_form(browser: Browser) -> None:
    parameters = browser.site.authorize_parameters(prompt="none")
    answer = browser.open("/signup", **parameters)
    assert query_of(answer.headers["Location"])["error"] == "login_required"


def test_who_was_deleted_since_gets_no_further(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    browser.site.service.pools.backend("eu-west-1").admin_delete_user(browser.site.public.pool_id, "nora")
    assert "This sign-in has expired or was already used" in browser.submit(code="123456").text


def seed(**pool: object) -> dict[str, object]:
    client = {"id": "1web", "callback_urls": [CALLBACK]}
    return {"pools": [{"id": "eu-west-1_Other", "clients": [client], **pool}]}


QUERY = {"response_type": "code", "client_id": "1web", "redirect_uri": CALLBACK}


def site_of(emulator: Emulator) -> Site:
    client = emulator.service.client("1web")
    assert client is not None
    return Site(emulator.url, emulator.service.now, emulator.service, client, client, client)  # type: ignore[arg-type]


def test_a_closed_pool_has_no_sign_up_and_no_way_to_it() -> None:
    with Emulator(seed=seed(sign_up=False)) as emulator, Browser(site_of(emulator)) as browser:
        answer = browser.open("/signup", **QUERY)
        assert (answer.status_code, "<code>sign_up_closed</code>" in answer.text) == (400, True)
        assert "/signup" not in browser.open("/login", **QUERY).text


def test_the_form_asks_for_what_the_pool_requires() -> None:
    required = ["name", "birthdate", "gender", "email"]
    policy = {"minimum_length": 6, "require_symbols": False, "require_numbers": False}
    pool = seed(username_attributes=["email"], required_attributes=required, password_policy=policy)
    with Emulator(seed=pool) as emulator, Browser(site_of(emulator)) as browser:
        text = browser.open("/signup", **QUERY).text
        inputs = Page(text).inputs
        asked = {name: field["type"] for name, field in inputs.items() if field.get("type") != "hidden"}
        assert asked == {
            "username": "text",
            "name": "text",
            "birthdate": "date",
            "gender": "text",
            "password": "password",
            "confirm_password": "password",
        }
        assert '<label for="username">Email</label>' in text
        assert "At least 6 characters, among them a lower-case letter and an upper-case letter." in text
        own = {"name": "Nora", "birthdate": "1990-01-02", "gender": "-", "password": "Sixsix"}
        text = browser.submit(username="nora@example.com", confirm_password="Sixsix", **own).text
        assert "A code has been sent to n***@e***." in text
        code = emulator.mailbox.messages()[0].code
        assert "Location" in browser.submit(code=code).headers


def test_where_people_sign_in_by_one_of_two_addresses_the_required_one_is_asked_for() -> None:
    pool = seed(username_attributes=["email", "phone_number"], required_attributes=["email"])
    with Emulator(seed=pool) as emulator, Browser(site_of(emulator)) as browser:
        text = browser.open("/signup", **QUERY).text
        assert '<label for="username">Email or phone number</label>' in text
        passwords = {"password": PASSWORD, "confirm_password": PASSWORD}
        text = browser.submit(username="+12065550100", email="", **passwords).text
        assert "email: The attribute is required" in text
        text = browser.submit(username="+12065550100", email="nora@example.com", **passwords).text
        assert "A code has been sent to n***@e***." in text


def test_a_pool_of_telephones_asks_for_one() -> None:
    with Emulator(seed=seed(username_attributes=["phone_number"])) as emulator, Browser(site_of(emulator)) as browser:
        assert '<label for="username">Phone number</label>' in browser.open("/signup", **QUERY).text


def test_without_an_address_to_verify_an_administrator_confirms() -> None:
    with Emulator(seed=seed(auto_verified_attributes=[])) as emulator, Browser(site_of(emulator)) as browser:
        browser.open("/signup", **QUERY)
        text = browser.submit(username="nora", password=PASSWORD, confirm_password=PASSWORD).text
        assert "An administrator has to confirm it" in text
        assert emulator.mailbox.messages() == ()
