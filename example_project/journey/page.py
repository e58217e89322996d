"""The text, lists and forms of an HTML page. This module sends no requests."""

from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

_INVISIBLE_TAGS = frozenset({"head", "style", "script"})


class UnexpectedPageError(Exception):
    """The browser is on another page than expected, or the page does not contain what the step needs."""


@dataclass
class Form:
    """A form: its action, its method and its fields with their initial values."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """The response to a browser. `visited` has the URLs of all redirects and, last, of the page itself."""

    url: str
    status: int
    html: str
    visited: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The visible text of the page, in one line."""
        return " ".join(" ".join(self._parser.words).split())

    def get_codes(self, element_id: str) -> list[str]:
        """Return the texts of the `code` elements in the element with this id."""
        return [text for parents, tag, text in self._parser.texts if tag == "code" and element_id in parents]

    def get_list_items(self, element_id: str) -> list[str]:
        """Return the texts of the list items in the element with this id."""
        return [text for parents, tag, text in self._parser.texts if tag == "li" and element_id in parents]

    def get_form(self, *names: str, action: str = "") -> Form:
        """Return the first form that has all these fields and whose URL contains `action`.

        Raise UnexpectedPageError if there is none.
        """
        for form in self._parser.forms:
            if action in form.action and form.fields.keys() >= set(names):
                return form
        description = ", ".join(names) or action
        raise UnexpectedPageError(f"no form with {description} at {self.url.partition('?')[0]} ({self.status})")

    def has_form(self, *names: str) -> bool:
        """Return whether there is a form with all these fields."""
        return any(form.fields.keys() >= set(names) for form in self._parser.forms)

    @cached_property
    def _parser(self) -> "_PageParser":
        parser = _PageParser()
        parser.feed(self.html)
        return parser


class _PageParser(HTMLParser):
    """Collect texts and forms. The HTML must contain the closing tags of all elements but void ones."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: list[Form] = []
        self.texts: list[tuple[frozenset[str], str, str]] = []  # ids of all parent elements, tag, text
        self._open: list[tuple[str, str]] = []  # tag and id
        self._text_area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(attributes.get("action", ""), attributes.get("method", "get").upper()))
        elif tag in ("input", "textarea", "button") and "name" in attributes and self.forms:
            self.forms[-1].fields[attributes["name"]] = attributes.get("value", "")
            self._text_area = attributes["name"]  # the value of a text area is its content
        if tag not in ("input", "meta", "link", "br", "hr", "img"):
            self._open.append((tag, attributes.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        text = data.strip()
        tags = [tag for tag, _ in self._open]
        if tags and tags[-1] == "textarea" and self.forms:
            self.forms[-1].fields[self._text_area] = data.removeprefix("\n")
        if text and tags and _INVISIBLE_TAGS.isdisjoint(tags):
            self.words.append(text)
            self.texts.append((frozenset(name for _, name in self._open if name), tags[-1], text))
