"""The username and the identity of federated users, in pools with and without letter case. No HTTP."""

import threading

import pytest
from local_cognito.accounts.identity_providers import identity_provider
from local_cognito.accounts.pools import Pools
from local_cognito.accounts.users import User
from local_cognito.errors import ServiceError
from local_cognito.federation.federated_users import FederatedUsers
from moto.cognitoidp.models import CognitoIdpUser, UserStatus

PROVIDER = identity_provider("Corporate", {"AttributeMapping": {"name": "name"}})
NOW = [1_700_000_000.0]


class Pool:
    """A user pool whose users come from `PROVIDER`."""

    def __init__(self, *, is_case_sensitive: bool) -> None:
        self.pools = Pools(lambda: NOW[0])
        config = {"UsernameConfiguration": {"CaseSensitive": is_case_sensitive}}
        self.id = self.pools.backend("eu-west-1").create_user_pool("Federated", config).id
        self.federated = FederatedUsers(self.pools, threading.RLock(), lambda: NOW[0])

    def add_user(self, username: str) -> User:
        items = [{"Name": "name", "Value": "Ann"}]
        self.pools.table(self.id)[username] = CognitoIdpUser(self.id, username, None, UserStatus.CONFIRMED, items)
        return self.pools.to_user(self.pools.table(self.id)[username])

    def sign_in(self, subject: str, **claims: str) -> User:
        return self.federated.sign_in(self.id, PROVIDER, {"sub": subject, **claims})


@pytest.mark.parametrize(
    ("is_case_sensitive", "username"), [(True, "Corporate_Mixed-Case"), (False, "corporate_mixed-case")]
)
def test_federated_username_has_the_case_of_the_pool(is_case_sensitive: bool, username: str) -> None:
    pool = Pool(is_case_sensitive=is_case_sensitive)
    first = pool.sign_in("Mixed-Case")
    assert first.username == username
    assert pool.sign_in("Mixed-Case").sub == first.sub
    assert pool.pools.table(pool.id).find_by_identity("Corporate", "Mixed-Case") is not None


def test_subjects_that_differ_in_case_are_two_users() -> None:
    pool = Pool(is_case_sensitive=True)
    assert pool.sign_in("ann").sub != pool.sign_in("Ann").sub


def test_subject_in_another_case_gets_no_account_of_the_first() -> None:
    pool = Pool(is_case_sensitive=False)
    pool.sign_in("ann")
    with pytest.raises(ServiceError, match="Another user already has the name corporate_ann"):
        pool.sign_in("Ann")


def test_sign_in_without_changes_keeps_the_date_of_modification() -> None:
    pool = Pool(is_case_sensitive=False)
    users = pool.pools.table(pool.id)
    pool.sign_in("ann", name="Ann")
    before = users["corporate_ann"].last_modified_date
    NOW[0] += 60
    pool.sign_in("ann", name="Ann")
    assert users["corporate_ann"].last_modified_date == before
    pool.sign_in("ann", name="Anne")
    assert users["corporate_ann"].last_modified_date > before


def test_deleted_federated_user_is_a_new_user_afterwards() -> None:
    pool = Pool(is_case_sensitive=False)
    first = pool.sign_in("ann")
    pool.pools.backend("eu-west-1").admin_delete_user(pool.id, "corporate_ann")
    assert pool.sign_in("ann").sub != first.sub


def test_linked_identity_signs_the_local_user_in() -> None:
    pool = Pool(is_case_sensitive=False)
    ann = pool.add_user("ann")
    pool.federated.link(ann, PROVIDER, "7")
    assert pool.sign_in("7", name="Anne").sub == ann.sub
    assert pool.pools.table(pool.id)["ann"].attribute_lookup["name"] == "Anne"
    pool.federated.unlink(pool.id, "Corporate", "7")
    assert pool.sign_in("7").username == "corporate_7"


def test_identity_that_has_signed_in_cannot_be_linked() -> None:
    pool = Pool(is_case_sensitive=False)
    pool.sign_in("7")
    with pytest.raises(ServiceError, match="has not signed in before"):
        pool.federated.link(pool.add_user("ann"), PROVIDER, "7")


def test_sixth_linked_identity_is_refused() -> None:
    pool = Pool(is_case_sensitive=False)
    ann = pool.add_user("ann")
    for number in range(5):
        pool.federated.link(ann, PROVIDER, str(number))
    with pytest.raises(ServiceError, match="at most 5 linked identities"):
        pool.federated.link(ann, PROVIDER, "5")
    assert {pool.sign_in(str(number)).sub for number in range(5)} == {ann.sub}


def test_identity_of_a_federated_user_cannot_be_unlinked() -> None:
    pool = Pool(is_case_sensitive=False)
    first = pool.sign_in("7")
    with pytest.raises(ServiceError, match="The identity is not linked"):
        pool.federated.unlink(pool.id, "Corporate", "7")
    assert pool.sign_in("7").sub == first.sub
