"""GetCredentialsForIdentity: identity, role and expiry of the credentials."""

from datetime import UTC, datetime

import pytest
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.identity_site import (
    BARE_POOL,
    BUCKET,
    CLOSED_POOL,
    IDENTITY_POOL,
    RULED_POOL,
    SHORT_SECONDS,
    STRICT_POOL,
    IdentitySession,
    Site,
)
from local_cognito_support.user_pools import Clock


def role_of(session: IdentitySession) -> str:
    arn = str(session.client("sts").get_caller_identity()["Arn"])
    return arn.split("/")[1]


def test_login_without_mapped_role_gets_authenticated_role(site: Site) -> None:
    assert [role_of(site.user_session(name)) for name in ("alice", "bob")] == ["person", "person"]


def test_role_of_a_group_has_priority(site: Site) -> None:
    assert role_of(site.user_session("rita")) == "reader"


def test_two_groups_of_equal_precedence_get_authenticated_role(site: Site) -> None:
    assert role_of(site.user_session("rob")) == "person"


def test_custom_role_arn_of_the_token_is_used(site: Site) -> None:
    assert role_of(site.user_session("rob", CustomRoleArn=site.emulator.role_arn("reader"))) == "reader"


@pytest.mark.parametrize("name", ["alice", "rita"])
def test_custom_role_arn_not_in_the_token_is_refused(site: Site, name: str) -> None:
    with raises_client_error("NotAuthorizedException", "The role is not among those that the token offers."):
        site.user_session(name, CustomRoleArn=site.emulator.role_arn("guest"))


def test_pool_without_role_mapping_ignores_groups(site: Site) -> None:
    assert role_of(site.user_session("rita", CLOSED_POOL)) == "subbed"


def test_ambiguous_role_is_refused_if_the_pool_denies_it(site: Site) -> None:
    with raises_client_error("NotAuthorizedException"):
        site.user_session("rob", STRICT_POOL)


@pytest.mark.parametrize(("name", "role"), [("rita", "reader"), ("alice", "tagged")])
def test_rules_map_claims_to_roles(site: Site, name: str, role: str) -> None:
    assert role_of(site.user_session(name, RULED_POOL)) == role


def test_missing_role_is_an_invalid_pool_configuration(site: Site) -> None:
    with raises_client_error("InvalidIdentityPoolConfigurationException"):
        site.user_session("gus")


def test_pool_without_roles_returns_no_credentials(site: Site) -> None:
    with raises_client_error("InvalidIdentityPoolConfigurationException"):
        site.user_session("alice", BARE_POOL)
    with raises_client_error("InvalidIdentityPoolConfigurationException"):
        site.guest(BARE_POOL)


def test_guest_gets_unauthenticated_role(site: Site) -> None:
    assert role_of(site.guest()) == "guest"


def test_identity_of_a_user_is_refused_without_logins(site: Site) -> None:
    identity_id = site.get_id("alice")
    with raises_client_error("NotAuthorizedException", f"Access to Identity '{identity_id}' is forbidden."):
        site.session(identity_id)


def test_identity_of_another_user_is_refused(site: Site) -> None:
    message = "Logins don't match. Please include at least one valid login for this identity or identity pool."
    with raises_client_error("NotAuthorizedException", message):
        site.session(site.get_id("bob"), Logins=site.logins(site.id_token("alice")))


def test_identity_accepts_only_logins_of_its_pool(site: Site) -> None:
    alice = site.get_id("alice", CLOSED_POOL)
    assert site.session(alice, Logins=site.logins(site.id_token("alice"))).identity_id == alice
    with raises_client_error("NotAuthorizedException", "Invalid login token. Incorrect token audience."):
        site.session(alice, Logins=site.logins(site.id_token("alice", "other")))


def test_guest_identity_with_logins_becomes_the_user_identity(site: Site) -> None:
    guest = site.identity.get_id(IdentityPoolId=IDENTITY_POOL)["IdentityId"]
    signed_in = site.session(guest, Logins=site.logins(site.id_token("alice")))
    assert signed_in.identity_id == site.get_id("alice")
    assert role_of(signed_in) == "person"


def test_unknown_identity_is_not_found(site: Site) -> None:
    unknown = "eu-west-1:99999999-0000-4000-8000-000000000001"
    with raises_client_error("ResourceNotFoundException", f"Identity '{unknown}' not found."):
        site.session(unknown)


def test_credentials_expire_after_an_hour(site: Site) -> None:
    ends_at: datetime = site.user_session("alice").credentials["Expiration"]
    assert 3590 < (ends_at - datetime.now(UTC)).total_seconds() <= 3600


def test_expired_credentials_are_refused(site: Site, clock: Clock) -> None:
    alice = site.user_session("alice", CLOSED_POOL)
    key = f"{site.emulator.seed.pools[0].users[0].sub}/x"
    alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    clock.pass_seconds(SHORT_SECONDS)
    with raises_client_error("ExpiredToken", "The provided token has expired."):
        alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    with raises_client_error("ExpiredToken"):
        alice.client("sts").get_caller_identity()
    with raises_client_error("ExpiredTokenException"):
        alice.client("dynamodb").list_tables()


def test_two_sessions_have_different_access_keys(site: Site) -> None:
    first, second = site.user_session("alice"), site.user_session("alice")
    assert first.credentials["AccessKeyId"] != second.credentials["AccessKeyId"]
