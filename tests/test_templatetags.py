"""`{% load cognito %}`: sign-in buttons, forms and URLs. Their values are escaped; the HTML is valid."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, RequestContext, Template, engines
from django.test import Client, RequestFactory
from django.urls import resolve

from django_cognito.conf.schema import IdentityProvider
from django_cognito.templatetags.cognito import label_of
from tests.support.scenarios.login import read_query, start_sign_in
from tests.support.timeouts import pool_settings
from tests.support.two_pools import alias_of

pytestmark = pytest.mark.urls("tests.support.login_site")

PROVIDERS = [
    "COGNITO",
    "Google",
    {"name": "AcmeSAML", "label": "Acme & <b>Sons</b>", "domains": ["acme.com"]},
    {"idp_identifier": "umbrella.example"},
]
VOID = {"input", "link", "meta", "br"}
EVIL = "/notes/?a=\"><script>alert('1')</script>&b=2"


@pytest.fixture(autouse=True)
def _providers(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_PROVIDERS": PROVIDERS}


class Page(HTMLParser):
    """The elements of a piece of HTML with their attributes and text; fails if it is not well-formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert len(attrs) == len(dict(attrs))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts += [data.strip()] if data.strip() else []

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.elements if name == tag]


def rendered(source: str, path: str = "/notes/?page=2", **context: Any) -> str:
    request = RequestFactory().get(path)
    return Template("{% load cognito %}" + source).render(RequestContext(request, context)).strip()


def next_of(url: str) -> Any:
    return parse_qs(urlsplit(url).query).get("next")


# Buttons


def test_sign_in_buttons_are_in_the_order_of_the_providers() -> None:
    page = Page(rendered("{% sign_in_buttons %}"))
    links = page.all("a")
    params = [{name: value for name, value in read_query(link["href"]).items() if name != "next"} for link in links]
    assert params == [
        {"identity_provider": "COGNITO"},
        {"identity_provider": "Google"},
        {"identity_provider": "AcmeSAML"},
        {"idp_identifier": "umbrella.example"},
    ]
    assert page.texts == [
        "Continue with e-mail and password",
        "Continue with Google",
        "Continue with Acme & <b>Sons</b>",
        "Continue with umbrella.example",
    ]
    assert [link["data-provider"] for link in links] == ["COGNITO", "Google", "AcmeSAML", "organization"]
    assert {link["class"] for link in links} == {"cognito-button"}
    assert {urlsplit(link["href"]).path for link in links} == {"/auth/login/"}


@pytest.mark.django_db
def test_sign_in_button_redirects_to_its_provider(client: Client) -> None:
    for link in Page(rendered("{% sign_in_buttons %}")).all("a"):
        query = read_query(link["href"])
        params = start_sign_in(client, **query)
        assert {name: params[name] for name in query if name != "next"} == {
            name: value for name, value in query.items() if name != "next"
        }


@pytest.mark.parametrize("source", ["{% sign_in_buttons %}", '{% include "django_cognito/sign_in_buttons.html" %}'])
def test_sign_in_button_has_the_current_page_as_next(source: str) -> None:
    assert {str(next_of(link["href"])) for link in Page(rendered(source)).all("a")} == {"['/notes/?page=2']"}


@pytest.mark.parametrize(
    "source",
    [
        '{% sign_in_buttons next="/mine/" %}',
        '{% include "django_cognito/sign_in_buttons.html" with next="/mine/" %}',
        '{% include "django_cognito/sign_in_buttons.html" with next="/mine/" only %}',
    ],
)
def test_sign_in_button_with_next_uses_it(source: str) -> None:
    text = rendered(source)
    assert {str(next_of(link["href"])) for link in Page(text).all("a")} == {"['/mine/']"}


def test_sign_in_button_with_empty_next_has_none() -> None:
    assert [next_of(link["href"]) for link in Page(rendered('{% sign_in_buttons next="" %}')).all("a")] == [None] * 4


@pytest.mark.parametrize("providers", [[], ()])
@pytest.mark.parametrize("source", ["{% sign_in_buttons %}", '{% include "django_cognito/sign_in_buttons.html" %}'])
def test_sign_in_buttons_without_providers_render_nothing(settings: Any, providers: Any, source: str) -> None:
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_PROVIDERS": providers}
    assert rendered(source) == ""


def test_sign_in_buttons_are_those_of_the_request_pool(settings: Any) -> None:
    pool = pool_settings(settings.COGNITO)
    pool.pop("IDENTITY_PROVIDERS", None)
    beta = {**pool, "CLIENT_ID": "1beta", "IDENTITY_PROVIDERS": ["Facebook"]}
    settings.COGNITO = {"POOLS": {"acme": pool, "beta": beta}, "POOL_RESOLVER": alias_of}
    assert Page(rendered("{% sign_in_buttons %}", "/?at=beta")).texts == ["Continue with Facebook"]
    assert rendered("{% sign_in_buttons %}", "/?at=acme") == ""
    assert rendered("{% sign_in_buttons %}", "/?at=umbrella") == ""


@pytest.mark.parametrize(
    ("provider", "label"),
    [
        (IdentityProvider("COGNITO"), "e-mail and password"),
        (IdentityProvider("LoginWithAmazon"), "Amazon"),
        (IdentityProvider("SignInWithApple"), "Apple"),
        (IdentityProvider("Facebook"), "Facebook"),
        (IdentityProvider("SignInWithApple", label="Apple ID"), "Apple ID"),
        (IdentityProvider(idp_identifier="umbrella.example"), "umbrella.example"),
    ],
)
def test_provider_label_is_its_usual_name(provider: IdentityProvider, label: str) -> None:
    assert str(label_of(provider)) == label


# By email address


@pytest.mark.parametrize("source", ["{% sign_in_by_email %}", '{% include "django_cognito/sign_in_by_email.html" %}'])
def test_sign_in_by_email_renders_a_labelled_email_field(source: str) -> None:
    page = Page(rendered(source))
    (form,) = page.all("form")
    assert (form["method"], form["action"]) == ("get", "/auth/login/")
    hidden, field = page.all("input")
    assert (hidden["name"], hidden["value"]) == ("next", "/notes/?page=2")
    assert (field["name"], field["type"], field["autocomplete"]) == ("login_hint", "email", "username")
    assert page.texts == ["E-mail address", "Continue"]
    order = [tag for tag, _ in page.elements]
    # The label contains its field: no id, so that a page can have several forms.
    assert order == ["form", "input", "label", "input", "button"]
    assert not [attributes for _, attributes in page.elements if "id" in attributes]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('{% sign_in_by_email next="/mine/" %}', "/mine/"),
        ('{% sign_in_by_email next="" %}', ""),
        ('{% include "django_cognito/sign_in_by_email.html" with next="/mine/" %}', "/mine/"),
    ],
)
def test_sign_in_by_email_with_next_uses_it(source: str, value: str) -> None:
    assert Page(rendered(source)).all("input")[0]["value"] == value


@pytest.mark.django_db
def test_email_domain_selects_the_identity_provider(client: Client) -> None:
    form = {"next": "/notes/", "login_hint": "alice@acme.com"}
    assert start_sign_in(client, **form)["identity_provider"] == "AcmeSAML"
    assert "identity_provider" not in start_sign_in(client, **{**form, "login_hint": "alice@example.com"})


# One URL


def test_sign_in_url_has_next_and_its_parameters() -> None:
    url = rendered('{% sign_in_url identity_provider="Google" lang="de" as url %}{{ url }}')
    assert read_query(url.replace("&amp;", "&")) == {
        "next": "/notes/?page=2",
        "identity_provider": "Google",
        "lang": "de",
    }
    assert resolve(urlsplit(url).path).view_name == "cognito:login"


def test_sign_in_url_omits_empty_parameters() -> None:
    assert rendered('{% sign_in_url next="" login_hint=missing %}') == "/auth/login/"


# Escaped


@pytest.mark.parametrize("source", ["{% sign_in_buttons next=evil %}", "{% sign_in_by_email next=evil %}"])
def test_next_with_quotes_is_escaped(source: str) -> None:
    text = rendered(source, evil=EVIL)
    page = Page(text)
    assert "script" not in [tag for tag, _ in page.elements]
    assert EVIL in [page.all("input")[0]["value"] if page.all("input") else next_of(page.all("a")[0]["href"])[0]]


@pytest.mark.parametrize("source", ["{% sign_in_buttons %}", "{% sign_in_by_email %}"])
def test_request_path_with_quotes_is_escaped(source: str) -> None:
    page = Page(rendered(source, "/notes/?\"'><script>alert(1)</script>"))
    assert "script" not in [tag for tag, _ in page.elements]


def test_sign_in_url_is_escaped() -> None:
    text = rendered('<a href="{% sign_in_url next=evil identity_provider=\'Goo"gle\' %}">x</a>', evil=EVIL)
    (link,) = Page(text).all("a")
    assert read_query(link["href"]) == {"next": EVIL, "identity_provider": 'Goo"gle'}


def test_provider_label_is_escaped() -> None:
    assert "Acme &amp; &lt;b&gt;Sons&lt;/b&gt;" in rendered("{% sign_in_buttons %}")


# Without the request


@pytest.mark.parametrize(
    "source",
    ["{% sign_in_buttons %}", "{% sign_in_by_email %}", "{% sign_in_url %}", '{% sign_in_buttons next="/mine/" %}'],
)
def test_missing_request_error_names_the_context_processor(source: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"django\.template\.context_processors\.request"):
        Template("{% load cognito %}" + source).render(Context())


def test_tags_with_next_need_no_request() -> None:
    source = '{% load cognito %}{% sign_in_url next="/mine/" %}{% sign_in_by_email next="/mine/" %}'
    assert "/auth/login/?next=%2Fmine%2F" in Template(source).render(Context())


def test_request_passed_to_render_is_enough(settings: Any) -> None:
    (backend,) = settings.TEMPLATES
    settings.TEMPLATES = [{**backend, "OPTIONS": {"context_processors": []}}]
    template = engines["django"].from_string("{% load cognito %}{% sign_in_buttons %}{% sign_in_by_email %}")
    text = template.render({}, RequestFactory().get("/notes/"))
    assert (text.count("next=%2Fnotes%2F"), text.count('value="/notes/"')) == (4, 1)


# Own templates and styles


def test_sign_in_templates_can_be_overridden(settings: Any) -> None:
    own = {
        "django_cognito/sign_in_buttons.html": "{% load cognito %}{% sign_in_choices as buttons %}"
        "{% for button in buttons %}[{{ button.label }}]{% endfor %}",
    }
    (backend,) = settings.TEMPLATES
    loaders = [("django.template.loaders.locmem.Loader", own), "django.template.loaders.app_directories.Loader"]
    options = {**backend["OPTIONS"], "loaders": loaders}
    settings.TEMPLATES = [{**backend, "APP_DIRS": False, "OPTIONS": options}]
    template = engines["django"].from_string("{% load cognito %}{% sign_in_buttons %}")
    html = template.render({}, RequestFactory().get("/"))
    assert html == "[e-mail and password][Google][Acme &amp; &lt;b&gt;Sons&lt;/b&gt;][umbrella.example]"


def test_every_css_class_of_the_templates_is_styled() -> None:
    style = Path(str(finders.find("django_cognito/buttons.css"))).read_text()
    styled = set(re.findall(r"\.([a-z-]+)", re.sub(r"/\*.*?\*/", "", style, flags=re.S)))
    text = rendered("{% sign_in_buttons %}{% sign_in_by_email %}")
    assert (
        set(re.findall(r'class="([\w-]+)"', text))
        == {"cognito-buttons", "cognito-button", "cognito-by-email"}
        <= styled
    )


def test_sign_in_button_style_has_target_size_and_focus_outline() -> None:
    style = Path(str(finders.find("django_cognito/buttons.css"))).read_text()
    rules = dict(re.findall(r"^([^{}/]+) \{([^}]*)\}", style, re.M))
    assert "min-height: 2.75rem" in rules[".cognito-button"]  # 44 px: WCAG 2.5.5
    assert "outline: 3px" in next(rule for names, rule in rules.items() if ".cognito-button:focus-visible" in names)


# The site's own login page

CHOICES = "{% load cognito %}{% sign_in_buttons %}{% sign_in_by_email %}"
REQUESTED = {"next": "/mine/?q=1", "login_hint": "a@example.com", "lang": "de", "prompt": "login", "max_age": "60"}


@pytest.fixture
def choice_page(settings: Any) -> None:
    settings.LOGIN_URL = "/sign-in/"


def choices_at(path: str, query: dict[str, str]) -> Page:
    request = RequestFactory().get(path, query)
    return Page(Template(CHOICES).render(RequestContext(request, {})))


def test_choices_of_the_login_page_repeat_what_was_requested(choice_page: None) -> None:
    page = choices_at("/sign-in/", {**REQUESTED, "identity_provider": "Facebook", "other": "1"})
    urls = [attributes["href"] for name, attributes in page.elements if name == "a"]
    assert len(urls) == len(PROVIDERS)
    for url in urls:
        query = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
        assert REQUESTED.items() <= query.items()
        assert "other" not in query
        assert query.get("identity_provider") != "Facebook"
    fields = {attributes["name"]: attributes.get("value") for name, attributes in page.elements if name == "input"}
    assert fields == {**REQUESTED, "login_hint": None}


@pytest.mark.parametrize("login_url", ["/sign-in/", "no-such-name"])
def test_choices_of_another_page_return_to_it(settings: Any, login_url: str) -> None:
    settings.LOGIN_URL = login_url
    page = choices_at("/notes/", {"next": "/mine/", "lang": "de"})
    (url, *_) = [attributes["href"] for name, attributes in page.elements if name == "a"]
    assert read_query(url) == {"next": "/notes/?next=%2Fmine%2F&lang=de", "identity_provider": "COGNITO"}


def test_next_of_the_login_page_is_escaped(choice_page: None) -> None:
    page = choices_at("/sign-in/", {"next": EVIL})
    assert [name for name, _ in page.elements if name == "script"] == []
