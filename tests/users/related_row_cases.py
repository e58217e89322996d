"""Dotted keys of ATTRIBUTES, which set rows that are related one to one to users; run by custom_user_model_cases.py."""

import logging
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models.signals import post_save
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cognito.signals import user_synced
from django_cognito.users.attributes.contact_claims import hash_targets
from django_cognito.users.writing.bulk_provisioning import update_users
from tests.custom_users.models import Desk, Locker, Profile, Record
from tests.support.scenarios.users import directory_claims, link, link_of
from tests.support.sizes import choose_size
from tests.support.threads import at_once
from tests.users import test_page_histories as histories


def department(value: str, **others: Any) -> dict[str, Any]:
    return {"custom:department": value, **others}


def claim_badges(badges: Sequence[str], at: int = 0) -> list[Any]:
    """Return the claims of ada and bob with these badges, in the order in which a page is written: by `sub`."""
    users = zip(("ada", "bob"), badges, strict=True)
    return [
        directory_claims(username=name, at=at, **{"custom:badge": badge})._replace(sub=name) for name, badge in users
    ]


def count_statements(call: Any) -> dict[str, int]:
    """Return the number of statements of `call` by their first word, without savepoints."""
    with CaptureQueriesContext(connection) as queries:
        call()
    # "3 times: UPDATE ..." is one statement with the values of three rows.
    words = [query["sql"].rpartition(" times: ")[2].partition(" ")[0] for query in queries]
    return {word: words.count(word) for word in ("SELECT", "INSERT", "UPDATE", "DELETE")}


class RelatedRowCases:
    """The user model has a related model that refers to it: `user.profile`."""

    def test_row_is_created_changed_and_cleared(self, user_from_token) -> None:
        user_from_token(profile=department("Sales", **{"custom:badge": "7"}), at=-60)
        assert Profile.objects.values_list("department", "badge", "note").get() == ("Sales", "7", "of the site")
        user = user_from_token(profile=department("Purchasing"), at=-50)
        assert (user.profile.department, user.profile.badge) == ("Purchasi", None)
        assert Profile.objects.get().department == "Purchasi"

    def test_row_costs_one_select_and_one_write_more(self, user_from_token, cognito) -> None:
        dotted = {"email": "email", "first_name": "given_name", "profile.department": "custom:department"}
        plain = {"email": "email", "first_name": "given_name"}
        counts = []
        for name, attributes in (("alice", dotted), ("bob", plain)):
            cognito(ATTRIBUTES=attributes)
            for at in (-60, -50, -50):
                profile = department(f"D{at}", given_name=f"Name{at}")
                counts.append(
                    count_statements(partial(user_from_token, username=name, profile={**profile, "at": at}, at=at))
                )
        first, changed, steady, *others = counts
        expected_first, expected_changed, expected_steady = others
        assert first == {word: count + (word in ("SELECT", "INSERT")) for word, count in expected_first.items()}
        assert changed == {word: count + (word in ("SELECT", "UPDATE")) for word, count in expected_changed.items()}
        assert steady == expected_steady == {"SELECT": 1, "INSERT": 0, "UPDATE": 0, "DELETE": 0}

    @pytest.mark.needs("database_server")
    def test_row_is_locked_before_it_is_compared(self, user_from_token) -> None:
        user_from_token(profile=department("Sales"), at=-60)
        with CaptureQueriesContext(connection) as queries:
            user_from_token(profile=department("IT"), at=-50)
        statements = [query["sql"] for query in queries if "custom_users_profile" in query["sql"]]
        assert [("SELECT" in sql, "FOR UPDATE" in sql) for sql in statements] == [(True, True), (False, False)]

    def test_page_has_as_many_statements_for_many_users_as_for_few(self) -> None:
        counts = []
        for size in (2, 6):
            for at in (0, 1, 2):
                names = [f"user{size}{number}" for number in range(size)]
                page = [directory_claims(username=name, at=at, **department(f"D{at}")) for name in names]
                counts.append(count_statements(lambda page=page: update_users(page, create=True)))
        assert counts[1:3] == counts[4:6]
        assert counts[0]["INSERT"] == counts[3]["INSERT"]
        assert set(Profile.objects.values_list("department", flat=True)) == {"D2"}

    def test_no_row_is_created_without_a_claim(self, user_from_token) -> None:
        user_from_token(profile={"given_name": "Ada"})
        user_from_token(profile={"username": "bob"}, username="bob", phone_number="")
        update_users([directory_claims(username="carol")], create=True)
        assert not Profile.objects.exists()

    def test_row_of_a_receiver_is_used(self, user_from_token) -> None:
        def create_profile(instance: Any, created: bool, **_: Any) -> None:
            if created:
                Profile.objects.create(user=instance, note="of a receiver")

        post_save.connect(create_profile, sender=get_user_model())
        try:
            user_from_token(profile=department("Sales"))
        finally:
            post_save.disconnect(create_profile, sender=get_user_model())
        assert Profile.objects.values_list("department", "note").get() == ("Sales", "of a receiver")

    def test_value_of_the_site_stays(self, user_from_token) -> None:
        user = user_from_token(at=-60, profile={})
        Profile.objects.create(user=user, department="local")
        user_from_token(at=-50, profile={"given_name": "Ada"})
        assert Profile.objects.get().department == "local"

    def test_deleted_row_is_created_again_with_the_next_change(self, user_from_token) -> None:
        user_from_token(profile=department("Sales"), at=-60)
        Profile.objects.all().delete()
        user_from_token(profile=department("Sales"), at=-50)
        assert not Profile.objects.exists()
        user_from_token(profile=department("Sales", given_name="Ada"), at=-40)
        assert Profile.objects.get().department == "Sales"

    def test_changes_are_reported_by_the_dotted_name(self, user_from_token) -> None:
        received: list[Any] = []
        receive = lambda changes, **_: received.append(changes)  # noqa: E731
        user_synced.connect(receive)
        for at, name in ((-60, "Sales"), (-50, "IT"), (-40, None)):
            with TestCase.captureOnCommitCallbacks(execute=True):
                user_from_token(profile={} if name is None else department(name), at=at)
        user_synced.disconnect(receive)
        assert received[0]["profile.department"] == ("", "Sales")
        assert received[1:] == [{"profile.department": ("Sales", "IT")}, {"profile.department": ("IT", "")}]

    @pytest.mark.parametrize("together", [True, False], ids=["page", "single users"])
    def test_unique_value_that_another_user_gives_up_is_free(self, together) -> None:
        for at, badges in ((0, ("1", "2")), (1, ("3", "1"))):
            page = claim_badges(badges, at=at)
            for claims in [page] if together else [[item] for item in page]:
                update_users(claims, create=True)
        assert list(Profile.objects.order_by("user__username").values_list("badge", flat=True)) == ["3", "1"]

    @pytest.mark.parametrize("together", [True, False], ids=["page", "single users"])
    def test_unique_value_of_another_user_is_not_written(self, together, caplog) -> None:
        page = claim_badges(("1", "1"))
        for claims in [page] if together else [[item] for item in page]:
            update_users(claims, create=True)
        assert list(Profile.objects.values_list("user__username", "badge")) == [("ada", "1")]
        assert "the claim for badge is the value of another user" in caplog.text

    @pytest.mark.parametrize(("verified", "expected"), [(False, "+1"), (True, "+2")])
    def test_local_phone_number_is_replaced_only_by_a_verified_one(self, user_from_token, verified, expected) -> None:
        user = get_user_model().objects.create(username="local", email="local@example.com")
        Profile.objects.create(user=user, phone="+1")
        link(user, "alice")
        user_from_token(profile={"phone_number": "+2", "phone_number_verified": verified}, at=5)
        assert Profile.objects.get().phone == expected

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.needs("database_server")
    def test_parallel_first_requests_create_one_row(self, user_from_token) -> None:
        users = at_once([lambda: user_from_token(profile=department("Sales"))] * 6)
        assert {user.pk for user in users} == {Profile.objects.get().user_id}

    @settings(
        max_examples=choose_size(8, 300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(history=st.lists(histories.CLAIMS | histories.CLAIMS | histories.EDITS, min_size=1, max_size=6))
    def test_histories_match_the_oracle(self, history, cognito) -> None:
        histories.compare_with_oracle(history, cognito, "profile.department")


class UserRefersToRowCases:
    """The user model refers to a related model: `user.desk`."""

    def test_row_is_created_and_changed(self, user_from_token) -> None:
        for at, room in ((-60, None), (-50, "A1"), (-40, "A2")):
            user = user_from_token(profile={} if room is None else {"custom:room": room}, at=at)
            assert [getattr(user.desk, "room", None), *Desk.objects.values_list("room", flat=True)] == [room] * (
                1 if room is None else 2
            )
        user.refresh_from_db()
        assert user.desk == Desk.objects.get()

    @pytest.mark.parametrize("has_email", [True, False])
    def test_row_of_a_new_user_is_created(self, user_from_token, has_email) -> None:
        profile = {"custom:room": "A1", **({} if has_email else {"email": None})}
        user = user_from_token(profile=profile)
        assert type(user).objects.get().desk.room == "A1"

    def test_changes_have_the_relation_and_the_value(self, user_from_token) -> None:
        user_from_token(profile={}, at=-60)
        received: list[Any] = []
        receive = lambda changes, **_: received.append(changes)  # noqa: E731
        user_synced.connect(receive)
        with TestCase.captureOnCommitCallbacks(execute=True):
            user = user_from_token(profile={"custom:room": "A1"}, at=-50)
        user_synced.disconnect(receive)
        assert received == [{"desk": (None, user.desk_id), "desk.room": ("", "A1")}]


class RequiredRowCases:
    """The related model has a required field and a `save` of its own: `user.locker`."""

    @pytest.fixture
    def locker(self, cognito: Any) -> None:
        cognito(ATTRIBUTES={"locker.number": "custom:number", "locker.colour": "custom:colour"})

    @pytest.mark.usefixtures("locker")
    def test_no_row_is_created_without_its_required_value(self, user_from_token, caplog) -> None:
        with caplog.at_level(logging.WARNING):
            user_from_token(profile={"custom:colour": "red"}, at=-60)
        assert "no row of custom_users.Locker was created: no claim sets locker.number" in caplog.text
        assert not Locker.objects.exists()
        user_from_token(profile={"custom:colour": "red", "custom:number": "7"}, at=-50)
        assert Locker.objects.values_list("number", "colour").get() == (7, "red")

    @pytest.mark.usefixtures("locker")
    def test_page_calls_the_save_of_the_row(self) -> None:
        for at in (0, 1):
            page = [directory_claims(username=name, at=at, **{"custom:number": str(at)}) for name in ("ada", "bob")]
            update_users(page, create=True)
        assert set(Locker.objects.values_list("number", "saves")) == {(1, 2)}


class ConvertedValueCases:
    """A related model has fields of many types: `user.record`. Values are compared as the database returns them."""

    CLAIMS = {
        "amount": "12.50",
        "ratio": "1e2",
        "born_on": "1815-12-10",
        "seen_at": "2026-11-30T09:00:00.25+01:00",
        "wakes_at": "07:30",
        "shift": "1 02:00:00",
        "key": "5B2F6A3C-8E1D-4C7A-9F00-0123456789AB",
        "host": "2001:DB8:0::1",
        "is_member": "true",
        "likes": '{"b": [1.0, 1e2, -0.0, 1e300, true, null], "a": {"d": "x", "c": 0.1}}',
        "picture": "a.png",
        "motto": "ever",
    }

    @pytest.mark.parametrize("together", [True, False], ids=["page", "single users"])
    def test_converted_value_is_cleared_unless_it_was_changed(self, together, cognito) -> None:
        cognito(ATTRIBUTES={f"record.{name}": f"custom:{name}" for name in self.CLAIMS})
        claims = {f"custom:{name}": value for name, value in self.CLAIMS.items()}

        def write(at: int, attributes: dict[str, str]) -> list[dict[str, Any]]:
            """Return the rows of ada and bob, without their keys."""
            page = [directory_claims(at=at, username=name, **attributes) for name in ("ada", "bob")]
            for part in [page] if together else [[item] for item in page]:
                update_users(part, create=True)
            return list(Record.objects.order_by("user__name").values(*self.CLAIMS))

        for at, ratio in ((0, "1e2"), (1, "2.0")):  # a new row, and one that exists
            rows = write(at, {**claims, "custom:ratio": ratio})
            for user in get_user_model()._base_manager.select_related("record"):
                assert link_of(user).claim_fields == hash_targets(user, [f"record.{name}" for name in self.CLAIMS])
        assert (rows[0]["motto"], rows[0]["amount"], rows[0]["is_member"]) == ("EVER", Decimal("12.5"), True)
        record = Record.objects.get(user__name="bob")
        record.amount, record.likes = Decimal("12.501"), {"a": 1}
        record.save()
        empty = {**dict.fromkeys(self.CLAIMS), "motto": "NONE", "picture": ""}
        assert write(2, {}) == [empty, {**empty, "amount": Decimal("12.501"), "likes": {"a": 1}}]
