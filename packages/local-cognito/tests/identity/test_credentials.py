"""GetCredentialsForIdentity: whose credentials, of which role, and for how long."""

from datetime import UTC, datetime

import pytest
from local_cognito_support.aws_errors import refused
from local_cognito_support.identity_site import (
    BARE_POOL,
    BUCKET,
    CLOSED_POOL,
    IDENTITY_POOL,
    RULED_POOL,
    SHORT_SECONDS,
    STRICT_POOL,
    Person,
    Site,
)
from local_cognito_support.user_pools import Clock


def role_of(person: Person) -> str:
    arn = str(person.client("sts").get_caller_identity()["Arn"])
    return arn.split("/")[1]


def test_a_login_without_a_mapped_role_gets_the_authenticated_one(site: Site) -> None:
    assert [role_of(site.person(name)) for name in ("alice", "bob")] == ["person", "person"]


def test_the_role_of_a_group_comes_first(site: Site) -> None:
    assert role_of(site.person("rita")) == "reader"


def test_two_roles_of_one_precedence_fall_back_to_the_authenticated_one(site: Site) -> None:
    assert role_of(site.person("rob")) == "person"


def test_the_caller_may_choose_of_the_roles_that_the_token_offers(site: Site) -> None:
    assert role_of(site.person("rob", CustomRoleArn=site.emulator.role_arn("reader"))) == "reader"


@pytest.mark.parametrize("name", ["alice", "rita"])
def test_a_role_that_the_token_does_not_offer_is_refused(site: Site, name: str) -> None:
    with refused("NotAuthorizedException", "The role is not among those that the token offers."):
        site.person(name, CustomRoleArn=site.emulator.role_arn("guest"))


def test_a_pool_without_a_role_mapping_heeds_no_group(site: Site) -> None:
    assert role_of(site.person("rita", CLOSED_POOL)) == "subbed"


def test_where_ambiguity_is_denied_a_login_without_a_mapped_role_gets_nothing(site: Site) -> None:
    with refused("NotAuthorizedException"):
        site.person("rob", STRICT_POOL)


@pytest.mark.parametrize(("name", "role"), [("rita", "reader"), ("alice", "tagged")])
def test_rules_give_roles_by_claims(site: Site, name: str, role: str) -> None:
    assert role_of(site.person(name, RULED_POOL)) == role


def test_a_role_that_is_not_there_is_a_fault_of_the_pool(site: Site) -> None:
    with refused("InvalidIdentityPoolConfigurationException"):
        site.person("gus")


def test_a_pool_without_roles_gives_no_credentials(site: Site) -> None:
    with refused("InvalidIdentityPoolConfigurationException"):
        site.person("alice", BARE_POOL)
    with refused("InvalidIdentityPoolConfigurationException"):
        site.guest(BARE_POOL)


def test_a_guest_gets_the_unauthenticated_role(site: Site) -> None:
    assert role_of(site.guest()) == "guest"


def test_a_person_s_identity_is_not_for_guests(site: Site) -> None:
    identity_id = site.get_id("alice")
    with refused("NotAuthorizedException", f"Access to Identity '{identity_id}' is forbidden."):
        site.session(identity_id)


def test_another_person_s_identity_is_refused(site: Site) -> None:
    sentence = "Logins don't match. Please include at least one valid login for this identity or identity pool."
    with refused("NotAuthorizedException", sentence):
        site.session(site.get_id("bob"), Logins=site.logins(site.id_token("alice")))


def test_an_identity_of_a_pool_takes_that_pool_s_logins_alone(site: Site) -> None:
    alice = site.get_id("alice", CLOSED_POOL)
    assert site.session(alice, Logins=site.logins(site.id_token("alice"))).identity_id == alice
    with refused("NotAuthorizedException", "Invalid login token. Incorrect token audience."):
        site.session(alice, Logins=site.logins(site.id_token("alice", "other")))


def test_a_guest_who_signs_in_becomes_who_they_are(site: Site) -> None:
    guest = site.identity.get_id(IdentityPoolId=IDENTITY_POOL)["IdentityId"]
    signed_in = site.session(guest, Logins=site.logins(site.id_token("alice")))
    assert signed_in.identity_id == site.get_id("alice")
    assert role_of(signed_in) == "person"


def test_an_unknown_identity_is_not_found(site: Site) -> None:
    unknown = "eu-west-1:99999999-0000-4000-8000-000000000001"
    with refused("ResourceNotFoundException", f"Identity '{unknown}' not found."):
        site.session(unknown)


def test_credentials_last_an_hour(site: Site) -> None:
    ends_at: datetime = site.person("alice").credentials["Expiration"]
    assert 3590 < (ends_at - datetime.now(UTC)).total_seconds() <= 3600


def test_credentials_are_refused_after_their_end(site: Site, clock: Clock) -> None:
    alice = site.person("alice", CLOSED_POOL)
    key = f"{site.emulator.seed.pools[0].users[0].sub}/x"
    alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    clock.pass_seconds(SHORT_SECONDS)
    with refused("ExpiredToken", "The provided token has expired."):
        alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    with refused("ExpiredToken"):
        alice.client("sts").get_caller_identity()
    with refused("ExpiredTokenException"):
        alice.client("dynamodb").list_tables()


def test_two_sessions_have_two_keys(site: Site) -> None:
    first, second = site.person("alice"), site.person("alice")
    assert first.credentials["AccessKeyId"] != second.credentials["AccessKeyId"]
