"""The hosted UI's sign-up: the form, the codes, and the links between the pages."""

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
    read_query,
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
    """Return the paths that the page links to, each with its query parameters."""
    urls = [url.replace("&amp;", "&") for url in re.findall(r'href="(/[a-zA-Z]+\?[^"]+)"', text)]
    return {urlsplit(url).path: read_query(url) for url in urls}


def test_sign_up_with_code_signs_in_and_returns_to_the_app(browser: Browser) -> None:
    open_sign_up(browser, state="a state")
    assert "A code has been sent to n***@e***." in sign_up(browser)
    answer = browser.submit(code=code(browser))
    assert answer.headers["Location"].startswith(f"{CALLBACK}?code=")
    assert read_query(answer.headers["Location"])["state"] == "a state"
    tokens = browser.site.redeem(read_query(answer.headers["Location"])["code"]).json()
    assert read_unverified(tokens["id_token"])["email_verified"] is True
    assert "code" in read_query(browser.authorize().headers["Location"])  # the browser is signed in


def test_sign_up_without_code_does_not_sign_in(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    assert "Location" not in browser.authorize().headers


def test_confirmation_code_may_have_a_space(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    digits = code(browser)
    assert "Location" in browser.submit(code=f"{digits[:3]} {digits[3:]}").headers


def test_wrong_code_shows_the_code_form_again(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    assert "Invalid verification code provided" in browser.submit(code=different_code(code(browser))).text
    assert "Location" in browser.submit(code=code(browser)).headers


def test_resend_sends_another_code_up_to_the_limit(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    hidden = Page(browser.current_response.text).hidden
    url = f"{browser.site.url}/resendcode"
    query = browser.site.authorize_parameters()
    for _ in range(4):
        answer = browser.post(url, params=query, data=hidden, timeout=30)
        assert "A code has been sent to n***@e***." in answer.text
    assert "Attempt limit exceeded" in browser.post(url, params=query, data=hidden, timeout=30).text
    assert len(browser.site.service.mailbox.messages()) == 5
    assert "Location" in browser.submit(code=code(browser)).headers


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"username": "alice"}, "User already exists"),
        ({"username": "two words"}, "Username must be 1 to 128 characters without spaces."),
        ({"email": "no address"}, "Invalid email address format."),
        ({"password": "short", "confirm_password": "short"}, "Password not long enough"),
        ({"confirm_password": "another"}, "The two passwords are not the same."),
    ],
)
def test_invalid_sign_up_shows_the_error_and_keeps_the_username(
    browser: Browser, changes: dict[str, str], message: str
) -> None:
    open_sign_up(browser)
    text = sign_up(browser, **{"username": "nora", **changes})
    assert message in text
    inputs = Page(text).inputs
    assert inputs["username"]["value"] == changes.get("username", "nora")
    assert "value" not in inputs["password"]
    assert sign_up(browser, "nora").count("A code has been sent") == 1


def test_sign_up_page_shows_the_password_policy(browser: Browser) -> None:
    assert "At least 8 characters, among them a lower-case letter" in open_sign_up(browser)


def test_page_links_preserve_the_authorization_request(browser: Browser) -> None:
    site = browser.site
    parameters = site.authorize_parameters(nonce="n", scope="openid email", login_hint="nora")
    pages = {"/login": ["/signup", "/forgotPassword"], "/signup": ["/login"], "/forgotPassword": ["/login"]}
    for page, linked_paths in pages.items():
        page_links = links(browser.open(page, **parameters).text, site)
        assert page_links == dict.fromkeys(linked_paths, parameters), page


def test_code_page_links_preserve_the_authorization_request(browser: Browser) -> None:
    open_sign_up(browser)
    assert links(sign_up(browser), browser.site) == {"/login": browser.site.authorize_parameters()}


def test_unconfirmed_user_with_password_gets_a_link_to_confirm(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    browser.authorize()
    assert "Confirm your account" not in browser.sign_in("nora", "wrong").text
    text = browser.sign_in("nora").text
    assert "User is not confirmed." in text
    link = re.search(r'href="(/confirm\?[^"]+)"', text)
    assert link is not None
    browser.open(link[1].replace("&amp;", "&"))
    assert "Location" in browser.submit(code=code(browser)).headers


def test_code_page_in_another_browser_is_refused(browser: Browser) -> None:
    open_sign_up(browser)
    sign_up(browser)
    with Browser(browser.site) as other_browser:
        other_browser.authorize()
        assert other_browser.get(browser.current_response.url, timeout=30).status_code == 400


def test_expired_sign_up_shows_a_link_to_retry(browser: Browser) -> None:
    open_sign_up(browser)
    browser.site.clock.pass_seconds(300)
    text = sign_up(browser)
    assert "This sign-in has expired or was already used" in text
    assert "/oauth2/authorize?response_type=code" in text


@pytest.mark.parametrize("step", ["register", "confirm"])
def test_slow_sign_up_step_expires_the_sign_in(browser: Browser, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    sign_ups, clock = browser.site.service.sign_ups, browser.site.clock
    run_step = getattr(sign_ups, step)

    def run_slowly(*arguments: object) -> object:
        result = run_step(*arguments)
        clock.pass_seconds(300)
        return result

    monkeypatch.setattr(sign_ups, step, run_slowly)
    open_sign_up(browser)
    text = sign_up(browser)
    if step == "confirm":
        text = browser.submit(code=code(browser)).text
    assert "This sign-in has expired or was already used" in text


def test_sign_up_with_prompt_none_is_login_required(browser: Browser) -> None:
    parameters = browser.site.authorize_parameters(prompt="none")
    answer = browser.open("/signup", **parameters)
    assert read_query(answer.headers["Location"])["error"] == "login_required"


def test_user_deleted_after_sign_up_is_refused(browser: Browser) -> None:
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


def test_closed_pool_has_no_sign_up_page_and_no_link() -> None:
    with Emulator(seed=seed(sign_up=False)) as emulator, Browser(site_of(emulator)) as browser:
        answer = browser.open("/signup", **QUERY)
        assert (answer.status_code, "<code>sign_up_closed</code>" in answer.text) == (400, True)
        assert "/signup" not in browser.open("/login", **QUERY).text


def test_sign_up_form_has_the_required_attributes() -> None:
    required = ["name", "birthdate", "gender", "email"]
    policy = {"minimum_length": 6, "require_symbols": False, "require_numbers": False}
    pool = seed(username_attributes=["email"], required_attributes=required, password_policy=policy)
    with Emulator(seed=pool) as emulator, Browser(site_of(emulator)) as browser:
        text = browser.open("/signup", **QUERY).text
        inputs = Page(text).inputs
        visible_types = {name: field["type"] for name, field in inputs.items() if field.get("type") != "hidden"}
        assert visible_types == {
            "username": "text",
            "name": "text",
            "birthdate": "date",
            "gender": "text",
            "password": "password",
            "confirm_password": "password",
        }
        assert '<label for="username">Email</label>' in text
        assert "At least 6 characters, among them a lower-case letter and an upper-case letter." in text
        fields = {"name": "Nora", "birthdate": "1990-01-02", "gender": "-", "password": "Sixsix"}
        text = browser.submit(username="nora@example.com", confirm_password="Sixsix", **fields).text
        assert "A code has been sent to n***@e***." in text
        code = emulator.mailbox.messages()[0].code
        assert "Location" in browser.submit(code=code).headers


def test_required_email_is_requested_beside_the_phone_number() -> None:
    pool = seed(username_attributes=["email", "phone_number"], required_attributes=["email"])
    with Emulator(seed=pool) as emulator, Browser(site_of(emulator)) as browser:
        text = browser.open("/signup", **QUERY).text
        assert '<label for="username">Email or phone number</label>' in text
        passwords = {"password": PASSWORD, "confirm_password": PASSWORD}
        text = browser.submit(username="+12065550100", email="", **passwords).text
        assert "email: The attribute is required" in text
        text = browser.submit(username="+12065550100", email="nora@example.com", **passwords).text
        assert "A code has been sent to n***@e***." in text


def test_pool_with_phone_usernames_has_a_phone_field() -> None:
    with Emulator(seed=seed(username_attributes=["phone_number"])) as emulator, Browser(site_of(emulator)) as browser:
        assert '<label for="username">Phone number</label>' in browser.open("/signup", **QUERY).text


def test_sign_up_without_verification_needs_an_administrator() -> None:
    with Emulator(seed=seed(auto_verified_attributes=[])) as emulator, Browser(site_of(emulator)) as browser:
        browser.open("/signup", **QUERY)
        text = browser.submit(username="nora", password=PASSWORD, confirm_password=PASSWORD).text
        assert "An administrator must confirm it" in text
        assert emulator.mailbox.messages() == ()
