"""What is said of a wheel and an sdist that lack something, or have too much."""

import pytest

from .distributions import DJANGO, Files, complaints

PACKAGE = {f"{'' if end.startswith('django_cognito') else 'django_cognito'}{end}": end for end in DJANGO.in_wheel}
METADATA = dict.fromkeys(["a-1.dist-info/METADATA", "a-1.dist-info/licenses/LICENSE"], "")
OTHERS = dict.fromkeys(DJANGO.in_sdist, "")
WHEEL, SDIST = PACKAGE | METADATA, PACKAGE | OTHERS


def without(files: Files, end: str) -> Files:
    return {name: content for name, content in files.items() if not name.endswith(end)}


def test_of_whole_ones_nothing_is_said() -> None:
    assert list(complaints(DJANGO, WHEEL, SDIST, PACKAGE)) == []


@pytest.mark.parametrize("end", DJANGO.in_wheel)
def test_what_is_gone_from_the_checkout_too_is_missed(end: str) -> None:
    said = complaints(DJANGO, without(WHEEL, end), without(PACKAGE, end) | OTHERS, without(PACKAGE, end))
    assert list(said) == [f"the wheel has no {end}"]


@pytest.mark.parametrize("name", ["tests/conftest.py", "django_cognito/left_over.py"])
def test_what_is_not_the_packages_is_told(name: str) -> None:
    said = complaints(DJANGO, WHEEL | {name: ""}, SDIST, PACKAGE)
    assert list(said) == [f"the wheel has {name}, which is not the package's"]


@pytest.mark.parametrize("name", DJANGO.in_sdist)
def test_a_file_that_the_sdist_lacks_is_named(name: str) -> None:
    assert list(complaints(DJANGO, WHEEL, {other: SDIST[other] for other in SDIST if other != name}, PACKAGE)) == [
        f"the sdist lacks {name}"
    ]


@pytest.mark.parametrize("name", PACKAGE)
def test_a_file_that_is_another_one_is_named(name: str) -> None:
    changed = {name: "another's"}
    assert list(complaints(DJANGO, WHEEL | changed, SDIST, PACKAGE)) == [f"{name} of the wheel is not the checkout's"]
    assert list(complaints(DJANGO, WHEEL, SDIST | changed, PACKAGE)) == [f"{name} of the sdist is not the checkout's"]


def test_a_license_is_missed() -> None:
    assert list(complaints(DJANGO, PACKAGE, SDIST, PACKAGE)) == ["the wheel lacks its license"]
