"""Browser and device families: examples of current headers, as MDN and the vendors document them."""

import pytest

from django_cognito.sessions.browsers.user_agents import clean_user_agent, find_browser, find_device

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IOS = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "browser", "device"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome", "Windows"),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Microsoft Edge",
            "Windows",
        ),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/140.0.0.0 Safari/537.36 OPR/120.0.0.0",
            "Opera",
            "Mac",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Linux"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox", "Android"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {IOS} FxiOS/140.0 Mobile", "Firefox", "iPhone"),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {IOS} Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari",
            "iPhone",
        ),
        (f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {IOS} CriOS/140.0.0.0 Mobile Safari/604.1", "Chrome", "iPad"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {IOS} Version/18.5 Safari/605.1.15", "Safari", "Mac"),
        (
            f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            "Samsung Internet",
            "Android",
        ),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome", "ChromeOS"),
        ("curl/8.14.1", "", ""),
        ("", "", ""),
        ("<script>alert(1)</script>", "", ""),
    ],
)
def test_user_agent_has_browser_and_device(user_agent: str, browser: str, device: str) -> None:
    assert (find_browser(user_agent), find_device(user_agent)) == (browser, device)


def test_stored_user_agent_is_short_and_printable() -> None:
    assert clean_user_agent("Firefox\0\r\n\x1b[2J/1 " + "x" * 10_000) == ("Firefox[2J/1 " + "x" * 242)
    assert len(clean_user_agent("é" * 1_000)) == 255
