"""docs/migrating-*.md: their tables and adapters. `tests/migrating` tries the pages on sites of the packages."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from django_cognito.checks.former_packages import FORMER_PACKAGES, FormerPackage
from django_cognito.core.errors import TokenError
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate
from tests.support.guide import GUIDE, load_object

ADAPTER = f"{__name__}.adfs_adapter"


@pytest.mark.parametrize("package", FORMER_PACKAGES, ids=lambda package: package.name)
def test_page_has_a_row_for_each_setting_that_the_check_names(package: FormerPackage) -> None:
    lines = (GUIDE / f"migrating-{package.name}.md").read_text().splitlines()
    rows = [line.split("|")[1:3] for line in lines if line.startswith("| ")]
    missing = [
        (name, key)
        for name, key in package.keys.items()
        if not any(name.rpartition(".")[2] in old and f"`{key}`" in new for old, new in rows)
    ]
    assert missing == []


@pytest.mark.django_db
@pytest.mark.usefixtures("cognito_keys")
class TestAdapterForAdfs:
    """The adapter of the page, which gives whole accounts to users of the provider."""

    @pytest.fixture(autouse=True)
    def user(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> User:
        """Return an account of django-auth-adfs: staff, and in a Django group."""
        adapter = load_object("migrating-django-auth-adfs", "Adapter")
        monkeypatch.setattr(f"{__name__}.adfs_adapter", adapter, raising=False)
        settings.COGNITO = {**settings.COGNITO, "USER_ADAPTER": ADAPTER}
        user = User.objects.create(username="bob@corp.example", is_staff=True)
        user.groups.add(Group.objects.create(name="Editors"))
        return user

    def sign_in(self, identities: Any, username: str = "Adfs_bob@corp.example") -> User:
        claims = {} if identities is None else {"identities": identities}
        id_token = make_token(token_use="id", username=username, **claims)
        user: User = authenticate(make_token(username=username), id_token=id_token)[0]
        return user

    def test_user_of_the_provider_gets_the_account_without_old_rights(self, user: User) -> None:
        signed_in = self.sign_in([{"providerName": "Adfs", "userId": "bob@corp.example"}])
        assert (signed_in, signed_in.is_staff, signed_in.groups.count()) == (user, False, 0)

    @pytest.mark.parametrize(
        "identities",
        [
            [],
            [{"providerName": "Google", "userId": "bob@corp.example"}],
            [{"providerName": "Adfs", "userId": "eve@corp.example"}],
            # MariaDB finds the account by these names.
            [{"providerName": "Adfs", "userId": "BOB@corp.example"}],
            [{"providerName": "Adfs", "userId": "b\u00f3b@corp.example"}],
            [{"providerName": "Adfs", "userId": "bob@corp.example "}],
        ],
        ids=["none", "provider", "name", "case", "accent", "space"],
    )
    def test_other_identity_gets_an_account_of_its_own(self, user: User, identities: Any) -> None:
        assert self.sign_in(identities) != user
        user.refresh_from_db()
        assert (user.is_staff, user.groups.count()) == (True, 1)

    def test_token_without_identities_creates_no_account(self) -> None:
        with pytest.raises(TokenError) as raised:
            self.sign_in(None)
        assert (raised.value.code, User.objects.count()) == ("user_unknown", 1)


SUB = "5e0a1b52-6f0c-4c1e-9a58-0d7c5a1e0001"
BY_SUB = ["migrating-django-cognito-jwt", "migrating-djangorestframework-simplejwt"]


@pytest.mark.django_db
@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize("page", BY_SUB)
class TestAdaptersForTheSub:
    """The adapters that find a user by the `sub` in the username."""

    @pytest.fixture(autouse=True)
    def _adapter(self, page: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(f"{__name__}.adapter_by_sub", load_object(page, "Adapter"), raising=False)
        settings.COGNITO = {**settings.COGNITO, "USER_ADAPTER": f"{__name__}.adapter_by_sub"}

    def test_account_of_an_attacker_loses_its_password(self) -> None:
        user = User.objects.create_user(SUB, password="an attacker knows it")
        assert authenticate(make_token(sub=SUB))[0] == user
        user.refresh_from_db()
        assert not user.has_usable_password()

    def test_similar_username_is_another_user(self) -> None:
        user = User.objects.create_user(SUB.upper())  # MariaDB finds it
        assert authenticate(make_token(sub=SUB))[0] != user
