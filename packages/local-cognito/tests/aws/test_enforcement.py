"""S3, DynamoDB, STS and IAM under IAM: signature, action and resource, with the session's values in the policies."""

import json
from typing import Any

import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.aws_errors import refused
from local_cognito_support.identity_site import BUCKET, CLOSED_POOL, OTHER_BUCKET, RULED_POOL, SEED, TABLE, Site, allow

TIMEOUT_SECONDS = 30


@pytest.fixture
def stranger(site: Site) -> Any:
    """S3 by a key that nobody has: what people write who think that no one looks."""
    return site.client("s3", "test", "test")


def body(answer: dict[str, Any]) -> bytes:
    return bytes(answer["Body"].read())


def test_a_person_puts_gets_lists_and_deletes_under_their_own_identity(site: Site) -> None:
    alice = site.person("alice")
    prefix = f"{alice.identity_id}/birds/"
    key = f"{prefix}a heron + ü.txt"
    alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"hello", Metadata={"who": "alice"})
    assert body(alice.s3.get_object(Bucket=BUCKET, Key=key)) == b"hello"
    listed = alice.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    assert [each["Key"] for each in listed["Contents"]] == [key]
    alice.s3.delete_object(Bucket=BUCKET, Key=key)
    assert "Contents" not in alice.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def test_another_person_s_prefix_is_denied(site: Site) -> None:
    alice, bob = site.person("alice"), site.person("bob")
    key = f"{bob.identity_id}/diary.txt"
    bob.s3.put_object(Bucket=BUCKET, Key=key, Body=b"dear diary")
    with refused("AccessDenied", "Access Denied"):
        alice.s3.get_object(Bucket=BUCKET, Key=key)
    with refused("AccessDenied"):
        alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"mine")
    with refused("AccessDenied"):
        alice.s3.delete_object(Bucket=BUCKET, Key=key)
    with refused("403"):
        alice.s3.head_object(Bucket=BUCKET, Key=key)
    for prefix in (f"{bob.identity_id}/", ""):
        with refused("AccessDenied"):
            alice.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    assert body(bob.s3.get_object(Bucket=BUCKET, Key=key)) == b"dear diary"


def test_a_copy_needs_leave_to_read_the_source(site: Site) -> None:
    alice, bob = site.person("alice"), site.person("bob")
    bob.s3.put_object(Bucket=BUCKET, Key=f"{bob.identity_id}/a", Body=b"bob's")
    with refused("AccessDenied"):
        alice.s3.copy_object(
            Bucket=BUCKET, Key=f"{alice.identity_id}/a", CopySource={"Bucket": BUCKET, "Key": f"{bob.identity_id}/a"}
        )
    bob.s3.copy_object(
        Bucket=BUCKET, Key=f"{bob.identity_id}/b", CopySource={"Bucket": BUCKET, "Key": f"{bob.identity_id}/a"}
    )
    assert body(bob.s3.get_object(Bucket=BUCKET, Key=f"{bob.identity_id}/b")) == b"bob's"


def test_deleting_many_needs_leave_for_each(site: Site) -> None:
    alice, bob = site.person("alice"), site.person("bob")
    hers, his = f"{alice.identity_id}/a", f"{bob.identity_id}/a"
    alice.s3.put_object(Bucket=BUCKET, Key=hers, Body=b"x")
    bob.s3.put_object(Bucket=BUCKET, Key=his, Body=b"x")
    mixed = alice.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": hers}, {"Key": his}]})
    assert {each["Code"] for each in mixed["Errors"]} == {"AccessDenied"}
    assert bob.s3.head_object(Bucket=BUCKET, Key=his)["ContentLength"] == 1
    own = alice.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": hers}]})
    assert [each["Key"] for each in own["Deleted"]] == [hers]


def test_an_upload_in_parts_is_one_under_the_policy(site: Site) -> None:
    alice = site.person("alice")
    key = f"{alice.identity_id}/parts"
    upload = alice.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    part = alice.s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    alice.s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=parts)
    assert body(alice.s3.get_object(Bucket=BUCKET, Key=key)) == b"part"


def test_a_role_that_may_read_may_not_write(site: Site) -> None:
    rita = site.person("rita")
    key = f"{rita.identity_id}/x"
    site.admin("s3").put_object(Bucket=BUCKET, Key=key, Body=b"given")
    assert body(rita.s3.get_object(Bucket=BUCKET, Key=key)) == b"given"
    with refused("AccessDenied"):
        rita.s3.put_object(Bucket=BUCKET, Key=key, Body=b"taken")


def test_another_bucket_is_denied(site: Site) -> None:
    alice = site.person("alice")
    with refused("AccessDenied"):
        alice.s3.put_object(Bucket=OTHER_BUCKET, Key=f"{alice.identity_id}/x", Body=b"x")
    with refused("AccessDenied"):
        alice.s3.list_buckets()


def test_a_guest_reads_what_guests_may(site: Site) -> None:
    guest = site.guest()
    site.admin("s3").put_object(Bucket=BUCKET, Key="public/x", Body=b"for all")
    assert body(guest.s3.get_object(Bucket=BUCKET, Key="public/x")) == b"for all"
    with refused("AccessDenied"):
        guest.s3.put_object(Bucket=BUCKET, Key="public/x", Body=b"x")


def test_the_root_that_everybody_writes_is_refused(site: Site, stranger: Any) -> None:
    with refused("InvalidAccessKeyId"):
        stranger.list_buckets()
    with refused("InvalidClientTokenId"):
        site.client("sts", "test", "test").get_caller_identity()
    with refused("InvalidClientTokenId"):
        site.client("iam", "test", "test").list_roles()
    with refused("UnrecognizedClientException"):
        site.client("dynamodb", "test", "test").list_tables()


def test_a_known_key_with_a_wrong_secret_is_refused(site: Site) -> None:
    key = site.emulator.admin_credentials.id
    with refused("SignatureDoesNotMatch"):
        site.client("s3", key, "wrong").list_buckets()
    with refused("InvalidSignatureException"):
        site.client("dynamodb", key, "wrong").list_tables()


def test_a_session_s_key_with_another_token_is_refused(site: Site) -> None:
    alice, bob = site.person("alice").credentials, site.person("bob").credentials
    mixed = site.client("s3", alice["AccessKeyId"], alice["SecretKey"], bob["SessionToken"])
    with refused("InvalidToken"):
        mixed.list_objects_v2(Bucket=BUCKET)


def test_a_session_s_key_without_its_token_is_refused(site: Site) -> None:
    alice = site.person("alice").credentials
    with refused("InvalidAccessKeyId"):
        site.client("s3", alice["AccessKeyId"], alice["SecretKey"]).list_objects_v2(Bucket=BUCKET)


def test_an_unsigned_request_finds_nothing(site: Site) -> None:
    site.admin("s3").put_object(Bucket=BUCKET, Key="public/x", Body=b"for all")
    answer = requests.get(f"{site.emulator.url}/{BUCKET}/public/x", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 404


def test_a_presigned_address_serves_until_it_ends(site: Site, clock: Any) -> None:
    alice = site.person("alice")
    key = f"{alice.identity_id}/photo of a heron.jpg"
    alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"photo")
    url = alice.s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key}, ExpiresIn=60)
    assert requests.get(url, timeout=TIMEOUT_SECONDS).content == b"photo"
    assert requests.get(url.replace("heron", "stork"), timeout=TIMEOUT_SECONDS).status_code == 403
    clock.pass_seconds(61)
    ended = requests.get(url, timeout=TIMEOUT_SECONDS)
    assert (ended.status_code, "ExpiredToken" in ended.text) == (400, True)


def test_nobody_signs_an_address_for_what_they_may_not(site: Site) -> None:
    alice, bob = site.person("alice"), site.person("bob")
    key = f"{bob.identity_id}/x"
    bob.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    url = alice.s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key})
    assert requests.get(url, timeout=TIMEOUT_SECONDS).status_code == 403


def test_the_default_principal_tags_are_in_policies(site: Site) -> None:
    alice, sub = site.person("alice", CLOSED_POOL), site.emulator.seed.pools[0].users[0].sub
    alice.s3.put_object(Bucket=BUCKET, Key=f"{sub}/x", Body=b"x")
    with refused("AccessDenied"):
        alice.s3.put_object(Bucket=BUCKET, Key=f"{alice.identity_id}/x", Body=b"x")


def test_the_seed_s_principal_tags_are_in_policies(site: Site) -> None:
    alice = site.person("alice", RULED_POOL)
    alice.s3.put_object(Bucket=BUCKET, Key="alice@example.com/x", Body=b"x")
    with refused("AccessDenied"):
        alice.s3.put_object(Bucket=BUCKET, Key="bob@example.com/x", Body=b"x")


def test_a_policy_with_a_tag_that_the_login_lacks_allows_nothing(site: Site) -> None:
    bob = site.person("bob", RULED_POOL)
    for prefix in ("bob@example.com", "", "None", "${aws:PrincipalTag/mail}"):
        with refused("AccessDenied"):
            bob.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/x", Body=b"x")


def test_a_role_that_an_administrator_changes_is_changed_at_once(site: Site) -> None:
    alice, iam = site.person("alice"), site.admin("iam")
    with refused("AccessDenied"):
        alice.s3.list_objects_v2(Bucket=OTHER_BUCKET)
    more = {"Version": "2012-10-17", **allow("s3:*", on=f"arn:aws:s3:::{OTHER_BUCKET}")}
    iam.put_role_policy(RoleName="person", PolicyName="more", PolicyDocument=json.dumps(more))
    assert alice.s3.list_objects_v2(Bucket=OTHER_BUCKET)["KeyCount"] == 0
    iam.delete_role_policy(RoleName="person", PolicyName="more")


def test_a_managed_policy_counts_where_it_is_attached(site: Site) -> None:
    rita, iam = site.person("rita"), site.admin("iam")
    document = {"Version": "2012-10-17", **allow("s3:ListAllMyBuckets", on="*")}
    arn = iam.create_policy(PolicyName="lister", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="reader", PolicyArn=arn)
    assert rita.s3.list_buckets()["Buckets"]
    iam.detach_role_policy(RoleName="reader", PolicyArn=arn)
    with refused("AccessDenied"):
        rita.s3.list_buckets()


def test_a_bucket_may_be_called_like_a_page(site: Site) -> None:
    admin = site.admin("s3")
    admin.create_bucket(Bucket="login", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    admin.put_object(Bucket="login", Key="x", Body=b"x")
    assert body(admin.get_object(Bucket="login", Key="x")) == b"x"


def test_items_are_under_the_policy_s_table(site: Site) -> None:
    dynamodb = site.person("alice").client("dynamodb")
    item = {"owner": {"S": "alice"}, "day": {"N": "1"}}
    dynamodb.put_item(TableName=TABLE, Item=item)
    assert dynamodb.get_item(TableName=TABLE, Key=item)["Item"] == item
    with refused("AccessDeniedException"):
        dynamodb.put_item(TableName="secrets", Item={"owner": {"S": "alice"}})
    with refused("AccessDeniedException"):
        dynamodb.query(TableName=TABLE, KeyConditions={})
    with refused("AccessDeniedException"):
        dynamodb.list_tables()


def test_a_batch_or_a_transaction_needs_leave_for_every_table(site: Site) -> None:
    dynamodb = site.person("alice").client("dynamodb")
    item = {"owner": {"S": "alice"}, "day": {"N": "2"}}
    put = {"PutRequest": {"Item": item}}
    dynamodb.batch_write_item(RequestItems={TABLE: [put]})
    with refused("AccessDeniedException"):
        dynamodb.batch_write_item(RequestItems={TABLE: [put], "secrets": [{"PutRequest": {"Item": item}}]})
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": TABLE, "Item": item}}])
    with refused("AccessDeniedException"):
        dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "secrets", "Item": item}}])


def test_a_person_is_no_administrator_of_roles(site: Site) -> None:
    alice = site.person("alice")
    with refused("AccessDenied"):
        alice.client("iam").list_roles()
    with refused("AccessDenied"):
        alice.client("sts").assume_role(RoleArn=site.emulator.role_arn("reader"), RoleSessionName="mine")


def test_the_administrator_may_do_everything_and_assume_a_role(site: Site) -> None:
    assert {role["RoleName"] for role in site.admin("iam").list_roles()["Roles"]} >= {"person", "reader"}
    assert TABLE in site.admin("dynamodb").list_tables()["TableNames"]
    limits = f'{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::{OTHER_BUCKET}"}}}}'
    taken = site.admin("sts").assume_role(
        RoleArn=site.emulator.role_arn("person"), RoleSessionName="mine", Policy=limits
    )["Credentials"]
    s3 = site.client("s3", taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
    with refused("AccessDenied"):  # the session's policy takes away what the role's gives
        s3.list_objects_v2(Bucket=BUCKET)


def test_two_local_cognitos_in_one_process_share_no_bucket_and_no_key(site: Site) -> None:
    with Emulator(seed=SEED) as other:
        elsewhere = Site(other)
        elsewhere.admin("s3").put_object(Bucket=BUCKET, Key="only-there", Body=b"x")
        elsewhere.admin("s3").create_bucket(
            Bucket="late-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        with refused("NoSuchKey"):
            site.admin("s3").get_object(Bucket=BUCKET, Key="only-there")
        with refused("NoSuchBucket"):
            site.admin("s3").list_objects_v2(Bucket="late-bucket")
        key = other.admin_credentials
        with refused("InvalidAccessKeyId"):
            site.client("s3", key.id, key.secret).list_buckets()


def test_nothing_of_a_stopped_account_is_in_the_next_one() -> None:
    with Emulator(seed=SEED) as first:
        Site(first).admin("s3").put_object(Bucket=BUCKET, Key="old", Body=b"x")
    with Emulator(seed=SEED) as second:
        assert "Contents" not in Site(second).admin("s3").list_objects_v2(Bucket=BUCKET)
