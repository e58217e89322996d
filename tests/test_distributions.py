"""What is said of a wheel and an sdist that lack something, or have too much."""

import pytest

from .distributions import IN_THE_SDIST, IN_THE_WHEEL, complaints

PACKAGE = {f"{'' if end.startswith('django_cognito') else 'django_cognito'}{end}" for end in IN_THE_WHEEL}
METADATA = {"a-1.dist-info/METADATA", "a-1.dist-info/licenses/LICENSE"}
WHEEL, SDIST = PACKAGE | METADATA, PACKAGE | set(IN_THE_SDIST)


def test_of_whole_ones_nothing_is_said() -> None:
    assert list(complaints(WHEEL, SDIST, PACKAGE)) == []


@pytest.mark.parametrize("end", IN_THE_WHEEL)
def test_what_is_gone_from_the_checkout_too_is_missed(end: str) -> None:
    without = {name for name in PACKAGE if not name.endswith(end)}
    assert list(complaints(without | METADATA, without | set(IN_THE_SDIST), without)) == [f"the wheel has no {end}"]


@pytest.mark.parametrize("name", ["tests/conftest.py", "django_cognito/left_over.py"])
def test_what_is_not_the_packages_is_told(name: str) -> None:
    assert list(complaints({*WHEEL, name}, SDIST, PACKAGE)) == [f"the wheel has {name}, which is not the package's"]


@pytest.mark.parametrize("name", IN_THE_SDIST)
def test_a_file_that_the_sdist_lacks_is_named(name: str) -> None:
    assert list(complaints(WHEEL, SDIST - {name}, PACKAGE)) == [f"the sdist lacks {name}"]


def test_a_license_is_missed() -> None:
    assert list(complaints(PACKAGE, SDIST, PACKAGE)) == ["the wheel lacks its license"]
