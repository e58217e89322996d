"""docs/datasets.md: its page in two browsers of one user, its views, and its tables."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito.seeds.reading import DEFAULT_SEED
from local_cognito_support.chromium import running_chromium
from playwright.sync_api import Browser, Page, expect

from demo.ports import find_free_port
from django_cognito.conf.schema import CognitoSettings
from tests.support.dataset_server import CLIENT
from tests.support.guide import GUIDE
from tests.support.new_project import NewProject

PAGE = (GUIDE / "datasets.md").read_text()
RECORD_STATUSES = """() => {
  const element = document.querySelector("[role=status]");
  window.statuses = [];
  new MutationObserver(() => statuses.push(element.textContent)).observe(element, { childList: true });
}"""
SCRIPT = """
from django.urls import reverse

browser = Client(enforce_csrf_checks=True)
sign_in(browser, "eve")
phone = {**bearer(username="eve"), "x-dataset-user": str(browser.get("/write/").context["user"].pk)}
write = json.loads('''BODY''')

def send(method="get", path="/datasets/drafts/", **options):
    response = getattr(Client(), method)(path, headers=phone, content_type="application/json", **options)
    return [response.status_code, response.json() if response.content else None]

result = {
    "page": browser.get("/write/").content.decode(),
    "theme": browser.get("/dark/").content.decode(),
    "conflict": send("post", data=write),
    "written": send("post", data=write | {"operation_id": "a", "records": [write["records"][0] | {"sync_count": 0}]}),
    "reused": send("post", data=write | {"operation_id": "a"}),
    "read": send(),
    "list": send(path="/datasets/"),
    "deleted": send("delete"),
    "too old": send(path="/datasets/drafts/?since=9"),
}
"""


@pytest.fixture(scope="module")
def project(follow: Callable[[str], NewProject]) -> NewProject:
    project = follow("datasets")
    project.run("manage.py", "migrate", "--verbosity=0")
    return project


@pytest.fixture(scope="module")
def result(project: NewProject) -> Any:
    (body,) = re.findall(r"^```text\n(\{.*?)^```", PAGE, re.M | re.S)
    return project.copy(project.folder.parent / "api").run_script(SCRIPT.replace("BODY", body))


def test_views_write_and_read_a_value(result: Any) -> None:
    assert (
        result["theme"] == "dark, serif, {&#x27;theme&#x27;: &#x27;dark&#x27;}" or "'theme': 'dark'" in result["theme"]
    )
    assert 'data-url="/datasets/"' in result["page"]


def test_http_api_responds_as_documented(result: Any) -> None:
    status, answer = result["conflict"]
    assert (status, answer["written"]) == (200, [])
    assert answer["conflicts"][0].items() >= {"key": "note", "value": None, "sync_count": 0, "deleted": True}.items()
    status, answer = result["written"]
    assert (status, answer["written"]) == (200, [{"key": "note", "sync_count": 1}])
    assert [result[name][0] for name in ("read", "list", "deleted")] == [200, 200, 204]
    rows = re.findall(r"^\| `\w+ datasets/\S*` \| `(?:\{\"datasets\": \[)?\{(.*?)\}", PAGE, re.M)
    documented = [re.findall(r'"(\w+)"(?=[,:}]|$)', row) for row in rows]
    answers = [result["list"][1]["datasets"][0], result["read"][1], answer]
    assert [set(names) for names in documented] == [set(item) for item in answers]
    assert set(re.findall(r'"(\w+)"', re.findall(r"^A record is `(.*?)`", PAGE, re.M)[0])) == set(
        result["read"][1]["records"][0]
    )


@pytest.mark.parametrize(("name", "code"), [("reused", "operation_id_reused"), ("too old", "resync_required")])
def test_http_api_refuses_with_the_documented_code(result: Any, name: str, code: str) -> None:
    status, body = result[name]
    assert f"{status} `{code}`" in PAGE
    assert (body["code"], set(body)) == (code, {"code", "detail"})


def test_documented_limits_are_the_defaults() -> None:
    defaults = {item.name.upper(): item.default for item in fields(CognitoSettings) if item.init}
    rows = dict(re.findall(r"^\| `(DATASETS_MAX_\w+)` \| ([\d,]+ \w*)", PAGE, re.M))
    units = {"MiB": 2**20, "KiB": 2**10}
    numbers = {name: text.replace(",", "").split() for name, text in rows.items()}
    values = {name: int(number) * units.get(unit, 1) for name, (number, unit) in numbers.items()}
    assert values == {name: value for name, value in defaults.items() if name.startswith("DATASETS_MAX_")}


def test_documented_options_are_those_of_the_client() -> None:
    source = CLIENT.read_text()
    block = source.partition("const DEFAULTS = {")[2].partition("};")[0]
    defaults = dict(re.findall(r"^  (\w+): (?:/\*.*?\*/ )?\(?(.+?)\)?,$", block, re.M))
    table = PAGE.partition("| option |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (.+?) \| (.+?) \|", table, re.M)
    rows = {tuple(re.findall(r"`(\w+)`", names)): text for names, text in cells}
    documented: dict[str, str] = {}
    for names, text in rows.items():
        documented |= dict(zip(names, (part.strip('`" ') for part in text.split(",")), strict=True))
    assert {name: value.strip('"') for name, value in defaults.items()} == {
        name: value for name, value in documented.items() if value not in ("required", "none")
    }
    assert set(documented) == set(re.findall(r"@property \{.+?\} \[?(\w+)\]?", source.partition("What this device")[0]))


@pytest.fixture(scope="module")
def site(project: NewProject) -> Iterator[str]:
    """Run the site with a local Cognito; return its URL."""
    port = find_free_port(0)
    seed = project.folder / "seed.yaml"
    seed.write_text(DEFAULT_SEED.read_text().replace("localhost:8000", f"localhost:{port}"))
    with Emulator(seed=seed) as emulator:
        settings = project.folder / "mysite" / "settings.py"
        settings.write_text(settings.read_text().replace("http://localhost:9229", emulator.url))
        with project.serve(port):
            yield f"http://localhost:{port}"


def open_page(chromium: Browser, site: str) -> Page:
    """Sign alice in with a new browser, and open the page of the guide."""
    page = chromium.new_context().new_page()
    page.goto(f"{site}/write/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password", exact=True).fill("Alice-local-1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/write/")
    expect(page.get_by_role("status")).to_have_text("synced")
    return page


@pytest.mark.needs("chromium")
def test_page_shows_both_texts_of_a_conflict(site: str) -> None:
    with running_chromium() as chromium:
        phone, desk = open_page(chromium, site), open_page(chromium, site)
        phone.context.set_offline(True)
        phone.get_by_label("Text").fill("of the phone")
        expect(phone.get_by_role("status")).to_have_text("offline")
        desk.evaluate(RECORD_STATUSES)
        desk.get_by_label("Text").fill("of the desk")
        desk.wait_for_function("() => statuses.includes('pending')")
        expect(desk.get_by_role("status")).to_have_text("synced")
        phone.context.set_offline(False)
        choice = phone.get_by_role("button", name="of the phone")
        expect(choice).to_be_visible()
        expect(phone.get_by_role("button", name="of the desk")).to_be_visible()
        expect(phone.get_by_label("Text")).to_have_value("of the desk")  # the newest
        choice.click()
        expect(phone.get_by_role("status")).to_have_text("synced")
        desk.reload()
        expect(desk.get_by_label("Text")).to_have_value("of the phone")
        both = "() => import('/static/both.js').then(({ keepBoth }) => [keepBoth(['b'], ['a']), keepBoth(null, ['a'])])"
        assert phone.evaluate(both) == [["a", "b"], ["a"]]


def test_body_of_the_page_is_json() -> None:
    (body,) = re.findall(r"^```text\n(\{.*?)^```", PAGE, re.M | re.S)
    assert json.loads(body)["records"][0]["sync_count"] == 4
