"""A web page as a person without a picture of it would read it: text, lists, forms. Fetches nothing."""

from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

_UNSEEN = frozenset({"head", "style", "script"})


class LostError(Exception):
    """The journey is not where it should be, or cannot find there what it needs."""


@dataclass
class Form:
    """A form: where it goes, and its fields with the values they come with."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """An answer to a browser. `visited` are the addresses that redirects led through, the page's own among them."""

    url: str
    status: int
    html: str
    visited: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is to be read on the page, in one line."""
        return " ".join(" ".join(self._reader.words).split())

    def code_in(self, element_id: str) -> list[str]:
        """The texts of the `code` elements in the element with that id."""
        return [text for parents, tag, text in self._reader.texts if tag == "code" and element_id in parents]

    def items_in(self, element_id: str) -> list[str]:
        """The texts of the list items in the element with that id."""
        return [text for parents, tag, text in self._reader.texts if tag == "li" and element_id in parents]

    def form(self, *names: str, action: str = "") -> Form:
        """The first form that has all those fields and whose address contains `action`. Raises LostError."""
        for form in self._reader.forms:
            if action in form.action and form.fields.keys() >= set(names):
                return form
        raise LostError(f"no form with {', '.join(names) or action} at {self.url.partition('?')[0]} ({self.status})")

    def has_form(self, *names: str) -> bool:
        """Whether there is a form with all those fields."""
        return any(form.fields.keys() >= set(names) for form in self._reader.forms)

    @cached_property
    def _reader(self) -> "_Reader":
        reader = _Reader()
        reader.feed(self.html)
        return reader


class _Reader(HTMLParser):
    """Collects what `Page` is asked for; expects HTML that closes the elements it cares for."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: list[Form] = []
        self.texts: list[tuple[frozenset[str], str, str]] = []  # ids of the elements around it, tag, text
        self._open: list[tuple[str, str]] = []  # tag and id
        self._text_area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").upper()))
        elif tag in ("input", "textarea", "button") and "name" in given and self.forms:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
            self._text_area = given["name"]  # what follows in it is its value
        if tag not in ("input", "meta", "link", "br", "hr", "img"):
            self._open.append((tag, given.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        text = data.strip()
        tags = [tag for tag, _ in self._open]
        if tags and tags[-1] == "textarea" and self.forms:
            self.forms[-1].fields[self._text_area] = data.removeprefix("\n")
        if text and tags and _UNSEEN.isdisjoint(tags):
            self.words.append(text)
            self.texts.append((frozenset(name for _, name in self._open if name), tags[-1], text))
