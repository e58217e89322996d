"""docs/customising.md: its templates and catalogues in a project, and its table of templates against the package."""

import ast
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.template import Context
from django.test import RequestFactory

from django_cognito.templatetags.cognito import sign_in_buttons, sign_in_by_email
from tests.support import source
from tests.support.guide import GUIDE
from tests.support.new_project import NewProject

PAGE = (GUIDE / "customising.md").read_text()
TEMPLATES = source.PACKAGE_DIRECTORY / "templates" / "django_cognito"
SCRIPT = """
def read(client, path, language="en"):
    answer = client.get(path, headers={"accept-language": language}, follow=True)
    return [answer.status_code, answer.content.decode(), answer.headers.get("Content-Security-Policy", "")]

user = Client()
sign_in(user, "vic", groups=["viewers"])
failed = "/auth/callback/?state=made-up"
result = {
    "login_failed": read(Client(), failed),
    "logout": read(user, "/auth/logout/"),
    "admin_refused": read(user, "/admin/"),
    "de": read(Client(), failed, "de"),
    "fr": read(Client(), failed, "fr"),
    "fr api": Client().get(
        "/auth/login/", headers={"accept-language": "fr", "sec-fetch-mode": "cors"}
    ).json()["detail"],
}
"""


@pytest.fixture(scope="module")
def result(follow: Callable[[str], NewProject]) -> Any:
    project = follow("customising")
    for catalogue in project.folder.glob("locale/*/LC_MESSAGES/django.po"):
        compile_catalogue(catalogue)
    return project.run_script(SCRIPT)


def compile_catalogue(catalogue: Path) -> None:
    """Write the .mo file, as `compilemessages` does, which needs GNU gettext."""
    pairs = re.findall(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n?)+)', catalogue.read_text(), re.M)
    texts = sorted(tuple("".join(map(ast.literal_eval, part.splitlines())).encode() for part in pair) for pair in pairs)
    count, tables, data = len(texts), b"", b""
    for column in zip(*texts, strict=True):
        for text in column:
            tables += struct.pack("<2I", len(text), 28 + 16 * count + len(data))
            data += text + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    catalogue.with_suffix(".mo").write_bytes(header + tables + data)


@pytest.mark.parametrize(("page", "status"), [("login_failed", 400), ("logout", 200), ("admin_refused", 403)])
def test_page_has_the_look_of_the_site(result: Any, page: str, status: int) -> None:
    page_status, text, policy = result[page]
    assert page_status == status
    assert '<header><a href="/">Notes</a></header>' in text
    assert re.search(r"<title>[^<]*\w[^<]*</title>", text)
    assert 'href="/static/django_cognito/buttons.css"' in text
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_template_of_the_site_adds_to_that_of_the_package(result: Any) -> None:
    _, text, _ = result["login_failed"]
    assert "mention the code state_unknown." in text
    assert "<code>state_unknown</code>" in text


@pytest.mark.parametrize(
    ("page", "text"), [("login_failed", "Back to my notes"), ("de", "Zurück zur Website"), ("fr", "Retour au site")]
)
def test_page_has_the_language_and_words_of_the_catalogues(result: Any, page: str, text: str) -> None:
    assert text in result[page][1]


def test_text_without_a_translation_stays_english(result: Any) -> None:
    assert "This sign-in has expired or was already used." in result["fr"][1]


def test_sentence_of_an_api_has_the_language_of_the_catalogue(result: Any) -> None:
    assert result["fr api"] == "Connectez-vous ou envoyez un jeton."


# The table of templates


def documented_variables() -> dict[str, set[str]]:
    """Return the variables of each template in the table."""
    rows = re.findall(r"^\| `(\w+)\.html` \| .* \| ([^|]+) \|$", PAGE, re.M)
    return {name: set(re.findall(r"`([a-z_]+)`", cell)) for name, cell in rows}


def passed_variables() -> Iterator[tuple[str, set[str]]]:
    """Yield each template with the names of its context: of `render` in a function with a dict `context`, and of tags.

    A tag of the template library has the context that it returns.
    """
    for module in source.modules().values():
        for function in (node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)):
            for template in re.findall(
                r"render(?:_to_string)?\((?:request, )?'django_cognito/(\w+)\.html', context", ast.unparse(function)
            ):
                yield template, set(_context_names(function))
    context = Context({"request": RequestFactory().get("/")})
    yield "sign_in_buttons", set(sign_in_buttons(context))
    yield "sign_in_by_email", set(sign_in_by_email(context))


def _context_names(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if ast.unparse(target) == "context":
                yield from (ast.literal_eval(key) for key in node.value.keys if key is not None)


def test_table_has_each_template_with_its_context() -> None:
    assert documented_variables() == dict(passed_variables())
    assert {*documented_variables(), "page"} == {path.stem for path in TEMPLATES.glob("*.html")}


def test_base_has_the_documented_blocks_and_pages_no_others() -> None:
    blocks = {path.stem: re.findall(r"{% block (\w+) %}", path.read_text()) for path in TEMPLATES.glob("*.html")}
    assert blocks.pop("page") == ["title", "content"]
    assert {name for names in blocks.values() for name in names} == {"title", "content"}
    assert "two blocks: `title`, for plain text, and `content`" in PAGE


def test_documented_custom_properties_are_in_the_stylesheets() -> None:
    styles = "".join(path.read_text() for path in (source.PACKAGE_DIRECTORY / "static").rglob("*.css"))
    properties = set(re.findall(r"`(--[a-z-]+)`", PAGE)) - {"--locale"}
    assert properties
    assert [name for name in properties if name not in styles] == []
