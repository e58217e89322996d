"""`tests/distributions.py` reports missing and additional files of a wheel and an sdist."""

import pytest

from .distributions import DJANGO, Files, find_problems

PACKAGE = {f"{'' if end.startswith('django_cognito') else 'django_cognito'}{end}": end for end in DJANGO.in_wheel}
METADATA = dict.fromkeys(["a-1.dist-info/METADATA", "a-1.dist-info/licenses/LICENSE"], "")
OTHERS = dict.fromkeys(DJANGO.in_sdist, "")
WHEEL, SDIST = PACKAGE | METADATA, PACKAGE | OTHERS


def without(files: Files, end: str) -> Files:
    return {name: content for name, content in files.items() if not name.endswith(end)}


def test_complete_wheel_and_sdist_have_no_problem() -> None:
    assert list(find_problems(DJANGO, WHEEL, SDIST, PACKAGE)) == []


@pytest.mark.parametrize("end", DJANGO.in_wheel)
def test_file_missing_from_wheel_and_checkout_is_reported(end: str) -> None:
    problems = find_problems(DJANGO, without(WHEEL, end), without(PACKAGE, end) | OTHERS, without(PACKAGE, end))
    assert list(problems) == [f"the wheel has no {end}"]


@pytest.mark.parametrize("name", ["tests/conftest.py", "django_cognito/left_over.py"])
def test_additional_file_in_the_wheel_is_reported(name: str) -> None:
    problems = find_problems(DJANGO, WHEEL | {name: ""}, SDIST, PACKAGE)
    assert list(problems) == [f"the wheel has {name}, which is not the package's"]


@pytest.mark.parametrize("name", DJANGO.in_sdist)
def test_file_missing_from_the_sdist_is_reported(name: str) -> None:
    assert list(find_problems(DJANGO, WHEEL, {other: SDIST[other] for other in SDIST if other != name}, PACKAGE)) == [
        f"the sdist lacks {name}"
    ]


@pytest.mark.parametrize("name", PACKAGE)
def test_file_with_other_content_is_reported(name: str) -> None:
    changed = {name: "other content"}
    assert list(find_problems(DJANGO, WHEEL | changed, SDIST, PACKAGE)) == [
        f"{name} of the wheel is not the checkout's"
    ]
    assert list(find_problems(DJANGO, WHEEL, SDIST | changed, PACKAGE)) == [
        f"{name} of the sdist is not the checkout's"
    ]


def test_missing_license_is_reported() -> None:
    assert list(find_problems(DJANGO, PACKAGE, SDIST, PACKAGE)) == ["the wheel lacks its license"]
