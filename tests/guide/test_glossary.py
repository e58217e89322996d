"""docs/glossary.md: sorted, one sentence and at least one link for each term."""

import re

from tests.support.guide import GUIDE

ROWS = re.findall(r"^\| (?!term \|)([^-|].*?) \| (.*?) \|$", (GUIDE / "glossary.md").read_text(), re.M)


def test_terms_are_sorted_and_unique() -> None:
    terms = [term.replace("`", "").casefold() for term, _ in ROWS]
    assert len(terms) > 50
    assert terms == sorted(set(terms))


def test_every_term_has_one_sentence_with_a_link() -> None:
    assert [term for term, meaning in ROWS if not re.search(r"\]\(\S+\)", meaning) or not meaning.endswith(".")] == []
    without_links = {term: re.sub(r"\]\(\S+\)", "]", meaning) for term, meaning in ROWS}
    assert [term for term, meaning in without_links.items() if re.search(r"[.?!] \[?[A-Z]", meaning)] == []
