"""The mailbox: console output, page and access."""

import logging
from collections.abc import Iterator

import pytest
import requests
from local_cognito import Emulator
from local_cognito.self_service.mailbox import Mailbox, Message
from local_cognito_support.codes import latest_code
from local_cognito_support.hosted_site import PASSWORD, Browser, Site, running_site


def message(number: int = 0, username: str = "alice") -> Message:
    return Message(float(number), "eu-west-1_First", username, "EMAIL", "alice@example.com", "opens a door", "012345")


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def test_newest_message_is_first_and_oldest_is_removed() -> None:
    mailbox = Mailbox()
    for number in range(501):
        mailbox.deliver(message(number))
    times = [item.sent_at for item in mailbox.messages()]
    assert (times[0], times[-1], len(times)) == (500.0, 1.0, 500)


def test_console_shows_code_and_recipient() -> None:
    lines: list[str] = []
    Mailbox(lines.append).deliver(message())
    assert lines == ["EMAIL to alice@example.com (alice, eu-west-1_First): 012345  opens a door"]


def test_emulator_writes_codes_to_the_configured_console() -> None:
    lines: list[str] = []
    with Emulator(
        seed={"pools": [{"id": "eu-west-1_Loud", "clients": [{"id": "1web"}]}]}, console=lines.append
    ) as emulator:
        client = emulator.service.client("1web")
        assert client is not None
        emulator.service.sign_ups.register(client, "nora", PASSWORD, {"email": "nora@example.com"})
        assert [emulator.mailbox.messages()[0].code in line for line in lines] == [True]


def test_control_characters_in_a_username_are_escaped() -> None:
    lines: list[str] = []
    Mailbox(lines.append).deliver(message(username="\x1b[2Jalice\n"))
    assert "(?[2Jalice?, " in lines[0]


def test_repr_of_message_has_no_code() -> None:
    assert "012345" not in repr(message())


def test_empty_mailbox_shows_no_messages(site: Site) -> None:
    assert "No messages." in requests.get(f"{site.url}/mailbox", timeout=30).text


def test_mailbox_page_shows_each_code_newest_first(site: Site) -> None:
    for username in ("first", "second"):
        attributes = {"email": f"{username}@example.com"}
        site.service.sign_ups.register(site.public, username, PASSWORD, attributes)
    text = requests.get(f"{site.url}/mailbox", timeout=30).text
    codes = [latest_code(site.service.mailbox, username) for username in ("second", "first")]
    positions = [text.index(f'<code class="code">{code}</code>') for code in codes]
    assert positions == sorted(positions)
    assert "second@example.com (EMAIL)" in text
    assert "confirms a new account" in text


def test_username_is_escaped_in_the_mailbox(site: Site) -> None:
    site.service.sign_ups.register(site.public, "<b>bold</b>", PASSWORD, {"email": "bold@example.com"})
    assert "&lt;b&gt;bold&lt;/b&gt;" in requests.get(f"{site.url}/mailbox", timeout=30).text


@pytest.mark.parametrize("host", ["evil.example:9229", "localhost.evil.example", "192.168.1.1"])
def test_mailbox_is_refused_for_a_foreign_host(site: Site, host: str) -> None:
    site.service.sign_ups.register(site.public, "secretive", PASSWORD, {"email": "s@example.com"})
    answer = requests.get(f"{site.url}/mailbox", headers={"Host": host}, timeout=30)
    assert answer.status_code == 403
    assert latest_code(site.service.mailbox, "secretive") not in answer.text


@pytest.mark.parametrize("host", ["localhost:9229", "127.0.0.1", "[::1]:9229"])
def test_mailbox_is_served_for_loopback_hosts(site: Site, host: str) -> None:
    assert requests.get(f"{site.url}/mailbox", headers={"Host": host}, timeout=30).status_code == 200


def test_log_contains_no_code(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), Browser(site) as browser:
        browser.open("/signup", **site.authorize_parameters())
        browser.submit(username="logged", email="l@example.com", password=PASSWORD, confirm_password=PASSWORD)
        code = latest_code(site.service.mailbox, "logged")
        browser.submit(code=code)
        requests.get(f"{site.url}/mailbox", timeout=30)
    assert "/mailbox 200" in caplog.text
    assert code not in caplog.text
