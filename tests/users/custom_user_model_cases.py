"""Run by test_custom_user_models.py: each class in a process of its own, with the user model of the same name."""

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import SESSION_KEY, get_user, get_user_model
from django.core.checks import run_checks
from django.db import IntegrityError
from django.test import Client, TestCase
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito.authorization.rights import get_rights
from django_cognito.core.errors import TokenError
from django_cognito.core.tokens.token import read_unverified
from django_cognito.models import CognitoLogin, CognitoUser, FormerLink
from django_cognito.sessions.lookup import fetch_login
from django_cognito.signals import user_synced
from django_cognito.testing import make_token, sign_in, trusted_keys
from django_cognito.users import linking
from django_cognito.users.authentication import authenticate
from django_cognito.users.lookup import fetch_link
from django_cognito.users.save_protection import protect_unread_changes
from django_cognito.users.writing.bulk_provisioning import update_users
from tests.custom_users import models
from tests.support.scenarios.users import GROUPS, directory_claims, fields_of, link_of, link_state_of, token
from tests.users.related_row_cases import (
    ConvertedValueCases,
    RelatedRowCases,
    RequiredRowCases,
    UserRefersToRowCases,
)

POOL = "eu-west-1_TestPool1"
pytestmark = pytest.mark.django_db


class PageCases:
    """A page of the directory has the same effect as one token for each user, under every model."""

    def test_page_writes_what_single_users_get(self, cognito_keys, cognito) -> None:
        has_groups = hasattr(get_user_model(), "groups")
        without = {name: {**grant, "groups": []} for name, grant in GROUPS.items()}
        cognito(GROUPS=GROUPS if has_groups else without)
        names = ("ada", "bob", "Ada")

        def apply(at: int, *groups: str, together: bool) -> None:
            prefix = "p" if together else "s"
            claims = []
            for number, name in enumerate(names):
                attributes = {"given_name": f"Name{at}", "email": f"{prefix}{name}{at}@example.com"}
                attributes |= {"email_verified": "true", "custom:tenant": "acme", "custom:age": str(20 + at)}
                attributes |= {"custom:department": f"D{at}", "custom:room": f"R{at}", "phone_number": "+1"}
                attributes["custom:badge"] = f"{prefix}{number}{at}"
                if at == 2:  # attributes that were removed
                    attributes = {"custom:tenant": "acme"}
                chosen = groups if number else groups[:1]
                claim = directory_claims(*chosen, at=at, username=f"{prefix}{name}", **attributes)
                claims.append(claim._replace(sub=f"{prefix}-{number}"))  # a page is written in the order of `sub`
            for page in [claims] if together else [[claim] for claim in claims]:
                update_users(page, create=True)

        for at, groups in ((0, ("editors", "admins")), (1, ("editors", "admins")), (2, ("helpers",)), (3, ())):
            apply(at, *groups, together=True)
            apply(at, *groups, together=False)
            states = [read_states(prefix) for prefix in "ps"]
            assert states[0] == states[1] != []


def read_states(prefix: str) -> list[Any]:
    """Return what is stored for the users whose Cognito username begins with `prefix`, without that prefix."""
    states = []
    for link in CognitoUser.objects.filter(username__startswith=prefix).order_by("username"):
        user = get_user_model()._base_manager.get(pk=link.user_id)
        fields = {
            name: value
            for name, value in fields_of(user).items()
            if name not in ("id", "account_ptr_id", "password", "desk_id")
        }
        plain = {
            name: value.removeprefix(prefix) if isinstance(value, str) else value
            for name, value in fields.items()
            if not isinstance(value, UUID | datetime) and name not in ("username", "name")
        }
        related = [getattr(user, name, None) for name in ("profile", "desk")]
        rows = [(row.__class__.__name__, str(row), getattr(row, "badge", "")) for row in related]
        rows = [(kind, text, (badge or "").removeprefix(prefix)) for kind, text, badge in rows]
        groups = sorted(user.groups.values_list("name", flat=True)) if hasattr(user, "groups") else []
        grants = [(row.name, row.granted_staff, row.granted_superuser) for row in link.memberships.order_by("name")]
        row = (link.groups, link.as_of, link.verified_attributes, sorted(link.claim_fields), link.created_user)
        states.append((link.username[1:], row, plain, rows, groups, grants))
    return states


class EmailUser(PageCases, UserRefersToRowCases):
    __test__ = True

    def test_first_id_token_sets_the_email_as_username(self, user_from_token) -> None:
        user = user_from_token(token_use="id")
        assert user.get_username() == "alice@example.com"
        assert not user.has_usable_password()

    def test_id_token_replaces_placeholder_of_first_access_token(self, user_from_token, writes) -> None:
        user = user_from_token()
        assert user.email == f"{link_of(user).sub}@eu-west-1_testpool1.invalid"
        user_from_token(username="bob")
        assert user_from_token(token_use="id", at=5).email == "alice@example.com"
        with writes(1):  # `as_of` only
            assert user_from_token(at=6).email == "alice@example.com"

    @pytest.mark.parametrize("is_down", [True, False])
    def test_first_api_token_gets_the_requested_email_or_the_placeholder(self, cognito_keys, cognito, is_down) -> None:
        raw = token(scope="aws.cognito.signin.user.admin")
        attributes = {"sub": read_unverified(raw)["sub"], "email": "alice@example.com", "email_verified": "true"}
        rows = [{"Name": name, "Value": value} for name, value in attributes.items()]
        with ScriptedServer(json_answer({"UserAttributes": rows}, 500 if is_down else 200)) as server:
            cognito(ENDPOINT_URL=server.url, API_PROFILE_SOURCE="get_user")
            user, _ = authenticate(raw)
        assert user.email.endswith(".invalid" if is_down else "alice@example.com")

    def test_email_of_another_user_leaves_the_placeholder(self, user_from_token, caplog) -> None:
        get_user_model().objects.create(email="alice@example.com")
        user = user_from_token(token_use="id")
        assert user.email.endswith(".invalid")
        assert link_of(user).user == user
        assert "value of another user" in caplog.text

    def test_empty_email_does_not_replace_an_email(self, user_from_token) -> None:
        user_from_token(token_use="id")
        assert user_from_token(token_use="id", email="", at=5).email == "alice@example.com"

    def test_model_without_groups_has_rights_and_no_flags(self, user_from_token, mapped, cognito) -> None:
        cognito(GROUPS={**GROUPS, "editors": {"permissions": ["auth.change_group"], "staff": True}})
        user = user_from_token("editors")
        assert get_rights(user).groups == ("editors",)
        assert not hasattr(user, "is_staff")
        user_from_token(at=5)
        assert get_rights(type(user).objects.get()).groups == ()

    def test_object_claim_is_written_to_a_json_field(self, user_from_token) -> None:
        address = {"street": "1 Road", "lines": ["a", "b"]}
        user = user_from_token(token_use="id", address=address)
        user.refresh_from_db()
        assert user.address == address

    @pytest.mark.parametrize("odd", [{"street": "a\0b"}, {"a\0": 1}, ["\0"]])
    def test_nested_nul_character_is_rejected(self, user_from_token, odd) -> None:
        assert user_from_token(token_use="id", address=odd).address == {}

    @pytest.mark.parametrize("odd", [10**30, -1, "old", [5], True])
    def test_number_out_of_the_fields_range_is_left_out(self, user_from_token, odd) -> None:
        assert user_from_token(token_use="id", **{"custom:age": odd}).age in (None, 1)

    def test_verified_email_links_the_existing_user(self, user_from_token, cognito) -> None:
        cognito(LINK_BY_VERIFIED_EMAIL=True)
        local = get_user_model().objects.create(email="alice@example.com")
        assert user_from_token(token_use="id") == local

    def test_linking_by_email_disables_the_password_and_ends_sessions(self, user_from_token, cognito) -> None:
        cognito(LINK_BY_VERIFIED_EMAIL=True)
        local = get_user_model()(email="alice@example.com", age=7)
        local.set_password("known to a stranger")
        local.save()
        client = Client()
        client.force_login(local, backend="django.contrib.auth.backends.ModelBackend")
        assert get_user(client).is_authenticated
        user_from_token(token_use="id", **{"custom:age": 8})
        local.refresh_from_db()
        assert (local.has_usable_password(), local.age, get_user(client).is_authenticated) == (False, 8, False)

    @pytest.mark.parametrize("verified", [True, False])
    def test_unverified_email_does_not_replace_a_verified_one(self, user_from_token, verified) -> None:
        user_from_token(token_use="id", at=-10)
        email = user_from_token(token_use="id", email="boss@example.com", email_verified=verified).email
        assert email == ("boss@example.com" if verified else "alice@example.com")

    def test_placeholder_is_replaced_by_an_unverified_email(self, user_from_token) -> None:
        user_from_token(at=-10)
        assert user_from_token(token_use="id", email="a@example.com", email_verified=False).email == "a@example.com"

    def test_verified_email_of_another_user_is_not_recorded(self, user_from_token) -> None:
        user_from_token(token_use="id", email="a@example.com", email_verified=False, at=-10)
        get_user_model().objects.create(email="b@example.com")
        assert user_from_token(token_use="id", email="b@example.com", at=-5).email == "a@example.com"
        assert user_from_token(token_use="id", email="c@example.com", email_verified=False).email == "c@example.com"

    def test_unlinking_leaves_a_former_link_and_no_linking_by_email(self, user_from_token, cognito) -> None:
        cognito(LINK_BY_VERIFIED_EMAIL=True, LINKING_KEEPS_PASSWORD=True)
        local = get_user_model()(email="alice@example.com")
        local.set_password("local password")
        local.save()
        assert user_from_token(token_use="id", at=-10) == local
        linking.unlink(local, link_of(local).pk)
        assert user_from_token(token_use="id") != local

    def test_second_user_with_the_same_email_gets_a_placeholder(self, user_from_token, cognito) -> None:
        cognito(LINK_BY_VERIFIED_EMAIL=True)
        local = get_user_model().objects.create(email="alice@example.com")
        first, second = (
            user_from_token(token_use="id", username=name, email=local.email) for name in ("password", "google")
        )
        assert first == local != second
        assert second.email == f"{link_of(second).sub}@eu-west-1_testpool1.invalid"

    def test_check_names_fields_that_the_model_lacks(self, settings) -> None:
        # Only the "security" tag: from Django 6.1 on, other checks query every database.
        assert [message.id for message in run_checks(tags=["security"]) if message.id == "django_cognito.E010"] == []
        settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}
        messages = [message.msg for message in run_checks(tags=["security"]) if message.id == "django_cognito.E010"]
        assert [text.split(" grant '")[1].split("'")[0] for text in messages] == ["groups", "is_staff", "is_superuser"]

    def test_protected_json_value_preserves_both_kinds_of_change(self) -> None:
        model = get_user_model()
        model.objects.create(email="alice@example.com", address={"lines": ["a"]}, age=1)
        user = model.objects.get()
        protect_unread_changes(user)
        model.objects.update(address={"lines": ["b"]}, age=2)
        user.save()
        assert (user.address, model.objects.get().address) == ({"lines": ["b"]}, {"lines": ["b"]})
        user.address["lines"].append("c")  # changed in place, so it counts as set
        model.objects.update(address={}, age=3)
        user.save()
        assert (model.objects.get().address, model.objects.get().age) == ({"lines": ["b", "c"]}, 3)

    def test_protected_files_and_bytes_are_compared_by_value(self) -> None:
        model = get_user_model()
        model.objects.create(email="alice@example.com", photo="a.png", seal=b"a")
        user = model.objects.get()
        assert user.photo.name == "a.png"  # the name is now wrapped in a file object
        protect_unread_changes(user)
        model.objects.update(photo="b.png", seal=b"b")
        user.save()
        assert (user.photo.name, model.objects.get().photo.name) == ("b.png", "b.png")
        assert bytes(model.objects.get().seal) == b"b"
        user.photo.name = "c.png"
        user.seal = b"c"
        user.save()
        assert (model.objects.get().photo.name, bytes(model.objects.get().seal)) == ("c.png", b"c")

    @pytest.mark.parametrize("token_use", ["id", "access"])
    def test_email_is_normalized_by_the_manager(self, user_from_token, token_use) -> None:
        user_from_token(token_use=token_use, at=-10, email="Alice@EXAMPLE.com")
        user = user_from_token(token_use="id", at=-5, email="Alice@Example.COM")
        assert user.email == "Alice@example.com"

    def test_email_in_another_spelling_is_no_change(self, user_from_token, writes) -> None:
        user_from_token(token_use="id", at=-10, email="alice@example.com")
        with writes(1):  # the link row
            user_from_token(token_use="id", at=-5, email="alice@EXAMPLE.com")

    def test_email_of_another_user_in_another_spelling_is_not_used(self, user_from_token) -> None:
        get_user_model().objects.create(email="alice@example.com")
        assert user_from_token(token_use="id", email="alice@EXAMPLE.COM").email.endswith(".invalid")

    def test_returning_user_without_a_link_gets_another_placeholder(self, user_from_token) -> None:
        first = user_from_token()
        link_of(first).delete()
        second = user_from_token(at=5)
        assert first != second
        assert second.email != first.email
        assert second.email.endswith("@eu-west-1_testpool1.invalid")

    def test_username_claim_is_the_email_without_an_attribute(self, user_from_token, cognito) -> None:
        cognito(USERNAME="email", ATTRIBUTES={})
        assert user_from_token(token_use="id").get_username() == "alice@example.com"

    def test_username_claim_replaces_the_placeholder_email_once(self, user_from_token, cognito) -> None:
        cognito(USERNAME="email", ATTRIBUTES={})
        assert user_from_token(at=-10).email.endswith(".invalid")
        assert user_from_token(token_use="id", at=-5).email == "alice@example.com"
        assert user_from_token(token_use="id", email="new@example.com").email == "alice@example.com"

    def test_email_as_username_of_the_test_kit(self, client) -> None:
        with trusted_keys():
            user = sign_in(client, "Ada@example.com")
            assert user.get_username() == "Ada@example.com"
            assert link_of(user).username == link_of(user).sub
            raw = make_token(username="Ada@example.com")
            assert authenticate(raw)[0] == user


class UniqueEmailUser(PageCases, RelatedRowCases):
    __test__ = True

    def test_each_first_access_token_gets_its_own_placeholder(self, user_from_token) -> None:
        assert user_from_token().email != user_from_token(username="bob").email
        assert user_from_token(token_use="id", at=5).email == "alice@example.com"

    def test_email_of_another_user_in_another_case_is_not_used(self, user_from_token) -> None:
        get_user_model().objects.create(username="local", email="Alice@Example.com")
        assert user_from_token(token_use="id").email.endswith(".invalid")
        assert user_from_token(token_use="id", username="bob").email == "bob@example.com"
        assert (
            user_from_token(token_use="id", username="bob", email="ALICE@example.com", at=5).email == "bob@example.com"
        )

    def test_username_of_another_user_in_another_case_gets_a_suffix(self, user_from_token) -> None:
        get_user_model().objects.create(username="ALICE", email="x@example.com")
        user = user_from_token()
        assert user.username == f"alice-{link_of(user).sub[:8]}"

    def test_conditional_constraint_applies_to_matching_rows(self, user_from_token, caplog) -> None:
        get_user_model().objects.create(username="x", email="x@example.com", first_name="Only")
        with caplog.at_level(logging.WARNING):
            assert user_from_token(token_use="id", given_name="Only").first_name == ""
        assert user_from_token(token_use="id", given_name="Alice", at=5).first_name == "Alice"
        assert user_from_token(token_use="id", username="bob", given_name="Alice").first_name == "Alice"


class NamelessUser(PageCases, RequiredRowCases):
    __test__ = True

    def test_model_without_an_email_field_works(self, user_from_token, cognito) -> None:
        cognito(LINK_BY_VERIFIED_EMAIL=True)
        user = user_from_token(token_use="id", nickname="Al")
        assert (user.name, user.nickname) == ("alice", "Al")

    def test_unlimited_name_is_not_truncated_before_its_suffix(self, user_from_token) -> None:
        get_user_model().objects.create(name="a" * 128)
        user = user_from_token(username="a" * 128)
        assert user.name == "a" * 128 + f"-{link_of(user).sub[:8]}"

    def test_flag_that_is_a_property_is_not_written(self, user_from_token, cognito) -> None:
        cognito(GROUPS={"admins": {"staff": True, "superuser": True}})
        user = user_from_token("admins")
        assert user.is_staff is False
        user_from_token(at=5)

    def test_name_that_a_local_login_takes_as_equal_gets_a_suffix(self, user_from_token) -> None:
        local = get_user_model().objects.create(name="ALICE")
        user = user_from_token()
        assert user.name == f"alice-{link_of(user).sub[:8]}"
        assert get_user_model().objects.get_by_natural_key("alice") == local

    def test_mapped_name_that_a_local_login_takes_as_equal_is_not_used(self, user_from_token, cognito) -> None:
        cognito(ATTRIBUTES={"name": "nickname"})
        get_user_model().objects.create(name="AL")
        assert user_from_token(token_use="id", nickname="al").name == "alice"

    def test_page_of_names_that_a_local_login_takes_as_equal(self, cognito) -> None:
        cognito(USERNAME="preferred_username")
        page = [directory_claims(username=name, preferred_username=name) for name in ("ada", "Ada")]
        assert update_users(page, create=True).changed == 2
        assert get_user_model().objects.get_by_natural_key("ada").pk

    def test_two_users_whom_a_local_login_takes_as_equal_are_namesakes(self, user_from_token) -> None:
        for name in ("ALICE", "Alice"):
            get_user_model().objects.create(name=name)
        assert user_from_token().name.startswith("alice-")

    def test_mapped_username_is_normalized(self, user_from_token, cognito) -> None:
        cognito(ATTRIBUTES={"name": "nickname"})
        assert user_from_token(token_use="id", nickname="\uff21l").name == "Al"


class TenantUser(PageCases):
    __test__ = True

    def test_required_field_of_a_new_user_is_filled_from_a_claim(self, user_from_token) -> None:
        user = user_from_token(token_use="id", **{"custom:tenant": "acme"})
        assert user.organisation.name == "acme"

    def test_first_token_without_the_claim_is_refused(self, user_from_token) -> None:
        with pytest.raises(TokenError) as caught:
            user_from_token()
        assert caught.value.code == "site.no_tenant"
        assert not get_user_model().objects.exists()

    def test_required_field_without_an_adapter_is_an_integrity_error(self, user_from_token, cognito) -> None:
        cognito(USER_ADAPTER="")
        with pytest.raises(IntegrityError):
            user_from_token()

    def test_relation_follows_the_claim_and_is_reported_by_key(self, user_from_token) -> None:
        user_from_token(token_use="id", at=-10, **{"custom:tenant": "acme"})
        received: list[Any] = []
        receive = lambda changes, **_: received.append(changes)  # noqa: E731
        user_synced.connect(receive)
        with TestCase.captureOnCommitCallbacks(execute=True):
            user = user_from_token(token_use="id", **{"custom:tenant": "zen"})
        user_synced.disconnect(receive)
        keys = {item.name: item.pk for item in models.Organisation.objects.all()}
        assert user.organisation.name == "zen"
        assert received == [{"organisation": (keys["acme"], keys["zen"])}]

    def test_own_normalize_email_of_the_manager_is_used(self, user_from_token) -> None:
        user = user_from_token(token_use="id", email="Alice@Example.COM", **{"custom:tenant": "acme"})
        assert user.email == "alice@example.com"

    def test_placeholder_email_fits_a_short_field(self, user_from_token, cognito) -> None:
        user = user_from_token(**{"custom:tenant": "acme"})
        assert (len(user.email), user.email.endswith("@eu-west-1_testpool1.invalid")) == (40, True)


class ReadsElsewhere:
    """A router that reads link rows from "elsewhere"."""

    def db_for_read(self, model: Any, **_: Any) -> str | None:
        return "elsewhere" if model is CognitoUser else None


@pytest.mark.django_db(databases=["default", "elsewhere"])
class MemberUser(PageCases, ConvertedValueCases):
    __test__ = True

    def test_unlinking_a_user_of_two_tables_creates_a_former_link(self, user_from_token) -> None:
        user = user_from_token()
        other = CognitoUser.objects.create(
            user=user, user_pool_id=POOL, sub="two", username="two", as_of=datetime(2020, 1, 1, tzinfo=UTC)
        )
        linking.unlink(user, other.pk)
        assert [former.user for former in FormerLink.objects.all()] == [user]

    @staticmethod
    def create_link(using: str) -> CognitoUser:
        """Create a user and its link row in this database, and a second user that the first one refers to."""
        members = get_user_model()._base_manager.db_manager(using)
        friend = members.create(name="friend")
        moment = datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)
        user = members.create(name=using, motto="ever", likes=[using], referred_by=friend, born_at=moment)
        links = CognitoUser.objects.using(using)
        return links.create(user=user, user_pool_id=POOL, sub=using, username="m", groups=["editors"], as_of=moment)

    def test_repeated_token_makes_one_query(self, user_from_token, django_assert_num_queries) -> None:
        first = user_from_token("editors")
        with django_assert_num_queries(1):
            user_from_token("editors")
        with django_assert_num_queries(2):
            user = user_from_token("editors", at=5)
            assert (user.pk, user.name, user.motto) == (first.pk, "alice", "ONWARDS")

    @pytest.mark.parametrize("using", ["default", "elsewhere"])
    def test_fetch_link_returns_the_orms_row_of_each_database(self, settings, using) -> None:
        links = {name: self.create_link(name) for name in ("default", "elsewhere")}
        fetch_link(POOL, "default")
        settings.DATABASE_ROUTERS = [ReadsElsewhere()] if using == "elsewhere" else []
        assert [name for name in links if fetch_link(POOL, name) is not None] == [using]
        link, expected = fetch_link(POOL, using), CognitoUser.objects.using(using).select_related("user").get()
        assert link_state_of(link) == link_state_of(expected)
        assert fields_of(link.user) == fields_of(expected.user)
        assert (link.as_of, link.user.born_at) == (links[using].as_of,) * 2
        assert link.user._state.db == using

    def test_fetch_login_returns_the_orms_rows(self) -> None:
        with trusted_keys():
            user = sign_in(Client(), "alice")
        login = fetch_login(CognitoLogin.objects.get().pk, str(user.pk))
        expected = get_user_model()._base_manager.get()
        assert fields_of(login.cognito_user.user) == fields_of(expected)
        assert (login.cognito_user.user.motto, login.cognito_user.user.loaded_likes) == ("ONWARDS", [])

    def test_session_user_hidden_by_the_manager_is_anonymous(self) -> None:
        client = Client()
        with trusted_keys():
            sign_in(client, "alice")
        assert SESSION_KEY in client.session
        assert client.get("/no-such-page/").wsgi_request.user.is_anonymous

    def test_new_user_of_a_fetched_link_shares_no_value(self) -> None:
        self.create_link("default")
        link = fetch_link(POOL, "default")
        assert (link.user.motto, link.user.loaded_likes) == ("EVER", ["default"])
        link.user.likes.append("something else")
        assert link.new_user().likes == ["default"]

    @pytest.mark.django_db(transaction=True, databases=["default", "elsewhere"])
    @pytest.mark.parametrize("name", ["Account", "ProxyOfAccount", "MemberUser", "ProxyOfMember", "OfficeHolder"])
    def test_change_by_any_related_model_invalidates_cached_user(
        self, user_from_token, cognito, call_with_queries, name
    ) -> None:
        cognito(USER_CACHE_SECONDS=60)
        raw, model = token(), getattr(models, name)
        authenticate(raw)
        first = authenticate(raw)[0]
        call_with_queries(0, lambda: authenticate(raw))
        parent_values = {"name": "alice", "account_ptr_id": first.pk} if issubclass(model, models.MemberUser) else {}
        same = model(key=first.key, motto="backwards", **parent_values)
        same.pk, same._state.adding = first.pk, False
        same.save()
        assert call_with_queries(1, lambda: authenticate(raw))[0].motto == "BACKWARDS"
        call_with_queries(0, lambda: authenticate(raw))

    @pytest.mark.django_db(transaction=True, databases=["default", "elsewhere"])
    def test_cached_users_are_separate_per_database(
        self, user_from_token, cognito, call_with_queries, settings
    ) -> None:
        cognito(USER_CACHE_SECONDS=60)
        raw = token()
        default_user = authenticate(raw)[0]
        link = link_of(default_user)
        other_user = self.create_link("elsewhere").user
        link.pk, link.user_id = None, other_user.pk
        link.save(using="elsewhere")
        for routers, pk in [([], default_user.pk), ([ReadsElsewhere()], other_user.pk)] * 2:
            settings.DATABASE_ROUTERS = routers
            assert {authenticate(raw)[0].pk for _ in range(2)} == {pk}
            assert call_with_queries(0, lambda: authenticate(raw))[0].pk == pk

    @pytest.mark.django_db(transaction=True, databases=["default", "elsewhere"])
    def test_mutable_field_values_are_not_shared_between_requests(
        self, user_from_token, cognito, call_with_queries
    ) -> None:
        cognito(USER_CACHE_SECONDS=60)
        raw = token()
        authenticate(raw), authenticate(raw)
        user = call_with_queries(0, lambda: authenticate(raw))[0]
        user.likes.append("something")
        other = call_with_queries(0, lambda: authenticate(raw))[0]
        assert (other.likes, other.loaded_likes) == ([], [])

    @pytest.mark.parametrize("name", ["MemberUser", "ProxyOfMember", "OfficeHolder"])
    def test_protected_user_of_two_tables_preserves_changes_of_both(self, name) -> None:
        model = getattr(models, name)
        rows = model._base_manager
        pk = rows.create(name="alice", motto="ever", likes=["a"]).pk
        user = rows.get(pk=pk)
        protect_unread_changes(user)
        rows.filter(pk=pk).update(motto="onwards", likes=["b"], last_login=datetime(2024, 5, 1, tzinfo=UTC))
        user.name = "bob"
        user.save()
        saved = rows.get(pk=pk)
        assert (saved.name, saved.motto, saved.likes) == ("bob", "ONWARDS", ["b"])
        assert saved.last_login is not None

    def test_protected_member_preserves_the_relation_of_the_row(self) -> None:
        rows = models.MemberUser._base_manager
        first, second = rows.create(name="first"), rows.create(name="second")
        pk = rows.create(name="alice", referred_by=first).pk
        user = rows.select_related("referred_by").get(pk=pk)
        protect_unread_changes(user)
        rows.filter(pk=pk).update(referred_by=second)
        user.save()
        assert (user.referred_by, rows.get(pk=pk).referred_by) == (second, second)
        user.referred_by = first
        user.save()
        assert rows.get(pk=pk).referred_by == first
        user.referred_by = second
        user.save(update_fields=["referred_by"])
        user.referred_by = first
        user.save()
        assert rows.get(pk=pk).referred_by == first

    def test_promoted_protected_member_preserves_changes_of_its_parent(self) -> None:
        rows = models.MemberUser._base_manager
        pk = rows.create(name="alice", motto="ever").pk
        user = rows.get(pk=pk)
        protect_unread_changes(user)
        rows.filter(pk=pk).update(motto="onwards", name="bob")
        holder = models.OfficeHolder(memberuser_ptr_id=pk, office="chair")
        vars(holder).update(vars(user))
        holder.save()
        saved = models.OfficeHolder._base_manager.get(pk=pk)
        assert (saved.name, saved.motto, saved.office) == ("bob", "ONWARDS", "chair")

    def test_protected_member_reads_the_database_that_it_saves_to(self) -> None:
        user = self.create_link("default").user
        copied = models.MemberUser._base_manager.using("elsewhere").create(key=user.key, name="there", motto="there")
        protect_unread_changes(user)
        user.likes = ["new"]
        user.save(using="elsewhere")
        saved = models.MemberUser._base_manager.using("elsewhere").get(pk=copied.pk)
        assert (saved.name, saved.motto, saved.likes) == ("there", "THERE", ["new"])

    def test_protected_user_is_read_again_in_full_by_refresh_from_db(self) -> None:
        rows = models.OfficeHolder._base_manager
        pk = rows.create(name="alice", motto="EVER").pk
        user = rows.get(pk=pk)
        protect_unread_changes(user)
        rows.filter(pk=pk).update(motto="onwards")
        user.refresh_from_db()
        user.motto = "EVER"
        user.save()
        assert rows.get(pk=pk).motto == "EVER"
