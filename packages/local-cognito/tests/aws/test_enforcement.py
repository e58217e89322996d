"""IAM enforcement in S3, DynamoDB, STS and IAM: signature, action, resource and policy variables."""

import json
from typing import Any

import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.identity_site import BUCKET, CLOSED_POOL, OTHER_BUCKET, RULED_POOL, SEED, TABLE, Site, allow

TIMEOUT_SECONDS = 30


@pytest.fixture
def unknown_key_s3(site: Site) -> Any:
    """Return an S3 client with an access key that does not exist: `test`, which moto alone would accept."""
    return site.client("s3", "test", "test")


def body(answer: dict[str, Any]) -> bytes:
    return bytes(answer["Body"].read())


def test_user_writes_reads_lists_and_deletes_under_own_identity(site: Site) -> None:
    alice = site.user_session("alice")
    prefix = f"{alice.identity_id}/birds/"
    key = f"{prefix}a heron + ü.txt"
    alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"hello", Metadata={"who": "alice"})
    assert body(alice.s3.get_object(Bucket=BUCKET, Key=key)) == b"hello"
    listed = alice.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    assert [item["Key"] for item in listed["Contents"]] == [key]
    alice.s3.delete_object(Bucket=BUCKET, Key=key)
    assert "Contents" not in alice.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def test_prefix_of_another_user_is_denied(site: Site) -> None:
    alice, bob = site.user_session("alice"), site.user_session("bob")
    key = f"{bob.identity_id}/diary.txt"
    bob.s3.put_object(Bucket=BUCKET, Key=key, Body=b"dear diary")
    with raises_client_error("AccessDenied", "Access Denied"):
        alice.s3.get_object(Bucket=BUCKET, Key=key)
    with raises_client_error("AccessDenied"):
        alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"mine")
    with raises_client_error("AccessDenied"):
        alice.s3.delete_object(Bucket=BUCKET, Key=key)
    with raises_client_error("403"):
        alice.s3.head_object(Bucket=BUCKET, Key=key)
    for prefix in (f"{bob.identity_id}/", ""):
        with raises_client_error("AccessDenied"):
            alice.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    assert body(bob.s3.get_object(Bucket=BUCKET, Key=key)) == b"dear diary"


def test_copy_requires_permission_to_read_the_source(site: Site) -> None:
    alice, bob = site.user_session("alice"), site.user_session("bob")
    bob.s3.put_object(Bucket=BUCKET, Key=f"{bob.identity_id}/a", Body=b"bob's")
    with raises_client_error("AccessDenied"):
        alice.s3.copy_object(
            Bucket=BUCKET, Key=f"{alice.identity_id}/a", CopySource={"Bucket": BUCKET, "Key": f"{bob.identity_id}/a"}
        )
    bob.s3.copy_object(
        Bucket=BUCKET, Key=f"{bob.identity_id}/b", CopySource={"Bucket": BUCKET, "Key": f"{bob.identity_id}/a"}
    )
    assert body(bob.s3.get_object(Bucket=BUCKET, Key=f"{bob.identity_id}/b")) == b"bob's"


def test_delete_objects_requires_permission_for_each_object(site: Site) -> None:
    alice, bob = site.user_session("alice"), site.user_session("bob")
    alice_key, bob_key = f"{alice.identity_id}/a", f"{bob.identity_id}/a"
    alice.s3.put_object(Bucket=BUCKET, Key=alice_key, Body=b"x")
    bob.s3.put_object(Bucket=BUCKET, Key=bob_key, Body=b"x")
    response = alice.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": alice_key}, {"Key": bob_key}]})
    assert {item["Code"] for item in response["Errors"]} == {"AccessDenied"}
    assert bob.s3.head_object(Bucket=BUCKET, Key=bob_key)["ContentLength"] == 1
    own_response = alice.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": alice_key}]})
    assert [item["Key"] for item in own_response["Deleted"]] == [alice_key]


def test_multipart_upload_is_allowed_by_the_policy(site: Site) -> None:
    alice = site.user_session("alice")
    key = f"{alice.identity_id}/parts"
    upload = alice.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    part = alice.s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    alice.s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=parts)
    assert body(alice.s3.get_object(Bucket=BUCKET, Key=key)) == b"part"


def test_read_only_role_is_denied_writing(site: Site) -> None:
    rita = site.user_session("rita")
    key = f"{rita.identity_id}/x"
    site.admin("s3").put_object(Bucket=BUCKET, Key=key, Body=b"given")
    assert body(rita.s3.get_object(Bucket=BUCKET, Key=key)) == b"given"
    with raises_client_error("AccessDenied"):
        rita.s3.put_object(Bucket=BUCKET, Key=key, Body=b"taken")


def test_other_bucket_is_denied(site: Site) -> None:
    alice = site.user_session("alice")
    with raises_client_error("AccessDenied"):
        alice.s3.put_object(Bucket=OTHER_BUCKET, Key=f"{alice.identity_id}/x", Body=b"x")
    with raises_client_error("AccessDenied"):
        alice.s3.list_buckets()


def test_guest_reads_public_objects_and_is_denied_writing(site: Site) -> None:
    guest = site.guest()
    site.admin("s3").put_object(Bucket=BUCKET, Key="public/x", Body=b"for all")
    assert body(guest.s3.get_object(Bucket=BUCKET, Key="public/x")) == b"for all"
    with raises_client_error("AccessDenied"):
        guest.s3.put_object(Bucket=BUCKET, Key="public/x", Body=b"x")


def test_unknown_access_key_is_refused_by_every_service(site: Site, unknown_key_s3: Any) -> None:
    with raises_client_error("InvalidAccessKeyId"):
        unknown_key_s3.list_buckets()
    with raises_client_error("InvalidClientTokenId"):
        site.client("sts", "test", "test").get_caller_identity()
    with raises_client_error("InvalidClientTokenId"):
        site.client("iam", "test", "test").list_roles()
    with raises_client_error("UnrecognizedClientException"):
        site.client("dynamodb", "test", "test").list_tables()


def test_access_key_with_wrong_secret_is_refused(site: Site) -> None:
    key = site.emulator.admin_credentials.id
    with raises_client_error("SignatureDoesNotMatch"):
        site.client("s3", key, "wrong").list_buckets()
    with raises_client_error("InvalidSignatureException"):
        site.client("dynamodb", key, "wrong").list_tables()


def test_session_key_with_another_session_token_is_refused(site: Site) -> None:
    alice, bob = site.user_session("alice").credentials, site.user_session("bob").credentials
    s3 = site.client("s3", alice["AccessKeyId"], alice["SecretKey"], bob["SessionToken"])
    with raises_client_error("InvalidToken"):
        s3.list_objects_v2(Bucket=BUCKET)


def test_session_key_without_session_token_is_refused(site: Site) -> None:
    alice = site.user_session("alice").credentials
    with raises_client_error("InvalidAccessKeyId"):
        site.client("s3", alice["AccessKeyId"], alice["SecretKey"]).list_objects_v2(Bucket=BUCKET)


def test_unsigned_request_is_404(site: Site) -> None:
    site.admin("s3").put_object(Bucket=BUCKET, Key="public/x", Body=b"for all")
    answer = requests.get(f"{site.emulator.url}/{BUCKET}/public/x", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 404


def test_presigned_url_is_valid_until_it_expires(site: Site, clock: Any) -> None:
    alice = site.user_session("alice")
    key = f"{alice.identity_id}/photo of a heron.jpg"
    alice.s3.put_object(Bucket=BUCKET, Key=key, Body=b"photo")
    url = alice.s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key}, ExpiresIn=60)
    assert requests.get(url, timeout=TIMEOUT_SECONDS).content == b"photo"
    assert requests.get(url.replace("heron", "stork"), timeout=TIMEOUT_SECONDS).status_code == 403
    clock.pass_seconds(61)
    expired = requests.get(url, timeout=TIMEOUT_SECONDS)
    assert (expired.status_code, "ExpiredToken" in expired.text) == (400, True)


def test_presigned_url_for_a_denied_object_is_refused(site: Site) -> None:
    alice, bob = site.user_session("alice"), site.user_session("bob")
    key = f"{bob.identity_id}/x"
    bob.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    url = alice.s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key})
    assert requests.get(url, timeout=TIMEOUT_SECONDS).status_code == 403


def test_default_principal_tags_are_set_in_policies(site: Site) -> None:
    alice, sub = site.user_session("alice", CLOSED_POOL), site.emulator.seed.pools[0].users[0].sub
    alice.s3.put_object(Bucket=BUCKET, Key=f"{sub}/x", Body=b"x")
    with raises_client_error("AccessDenied"):
        alice.s3.put_object(Bucket=BUCKET, Key=f"{alice.identity_id}/x", Body=b"x")


def test_principal_tags_of_the_seed_are_set_in_policies(site: Site) -> None:
    alice = site.user_session("alice", RULED_POOL)
    alice.s3.put_object(Bucket=BUCKET, Key="alice@example.com/x", Body=b"x")
    with raises_client_error("AccessDenied"):
        alice.s3.put_object(Bucket=BUCKET, Key="bob@example.com/x", Body=b"x")


def test_policy_with_a_missing_principal_tag_allows_nothing(site: Site) -> None:
    bob = site.user_session("bob", RULED_POOL)
    for prefix in ("bob@example.com", "", "None", "${aws:PrincipalTag/mail}"):
        with raises_client_error("AccessDenied"):
            bob.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/x", Body=b"x")


def test_changed_role_policy_takes_effect_at_once(site: Site) -> None:
    alice, iam = site.user_session("alice"), site.admin("iam")
    with raises_client_error("AccessDenied"):
        alice.s3.list_objects_v2(Bucket=OTHER_BUCKET)
    policy = {"Version": "2012-10-17", **allow("s3:*", on=f"arn:aws:s3:::{OTHER_BUCKET}")}
    iam.put_role_policy(RoleName="person", PolicyName="more", PolicyDocument=json.dumps(policy))
    assert alice.s3.list_objects_v2(Bucket=OTHER_BUCKET)["KeyCount"] == 0
    iam.delete_role_policy(RoleName="person", PolicyName="more")


def test_managed_policy_applies_while_attached(site: Site) -> None:
    rita, iam = site.user_session("rita"), site.admin("iam")
    document = {"Version": "2012-10-17", **allow("s3:ListAllMyBuckets", on="*")}
    arn = iam.create_policy(PolicyName="lister", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="reader", PolicyArn=arn)
    assert rita.s3.list_buckets()["Buckets"]
    iam.detach_role_policy(RoleName="reader", PolicyArn=arn)
    with raises_client_error("AccessDenied"):
        rita.s3.list_buckets()


def test_bucket_may_have_the_name_of_a_page(site: Site) -> None:
    admin = site.admin("s3")
    admin.create_bucket(Bucket="login", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    admin.put_object(Bucket="login", Key="x", Body=b"x")
    assert body(admin.get_object(Bucket="login", Key="x")) == b"x"


def test_item_access_is_limited_to_the_table_of_the_policy(site: Site) -> None:
    dynamodb = site.user_session("alice").client("dynamodb")
    item = {"owner": {"S": "alice"}, "day": {"N": "1"}}
    dynamodb.put_item(TableName=TABLE, Item=item)
    assert dynamodb.get_item(TableName=TABLE, Key=item)["Item"] == item
    with raises_client_error("AccessDeniedException"):
        dynamodb.put_item(TableName="secrets", Item={"owner": {"S": "alice"}})
    with raises_client_error("AccessDeniedException"):
        dynamodb.query(TableName=TABLE, KeyConditions={})
    with raises_client_error("AccessDeniedException"):
        dynamodb.list_tables()


def test_batch_and_transaction_require_permission_for_every_table(site: Site) -> None:
    dynamodb = site.user_session("alice").client("dynamodb")
    item = {"owner": {"S": "alice"}, "day": {"N": "2"}}
    put = {"PutRequest": {"Item": item}}
    dynamodb.batch_write_item(RequestItems={TABLE: [put]})
    with raises_client_error("AccessDeniedException"):
        dynamodb.batch_write_item(RequestItems={TABLE: [put], "secrets": [{"PutRequest": {"Item": item}}]})
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": TABLE, "Item": item}}])
    with raises_client_error("AccessDeniedException"):
        dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "secrets", "Item": item}}])


def test_user_is_denied_iam_and_assume_role(site: Site) -> None:
    alice = site.user_session("alice")
    with raises_client_error("AccessDenied"):
        alice.client("iam").list_roles()
    with raises_client_error("AccessDenied"):
        alice.client("sts").assume_role(RoleArn=site.emulator.role_arn("reader"), RoleSessionName="mine")


def test_administrator_may_do_everything_and_assume_a_role(site: Site) -> None:
    assert {role["RoleName"] for role in site.admin("iam").list_roles()["Roles"]} >= {"person", "reader"}
    assert TABLE in site.admin("dynamodb").list_tables()["TableNames"]
    limits = f'{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::{OTHER_BUCKET}"}}}}'
    credentials = site.admin("sts").assume_role(
        RoleArn=site.emulator.role_arn("person"), RoleSessionName="mine", Policy=limits
    )["Credentials"]
    s3 = site.client("s3", credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    with raises_client_error("AccessDenied"):  # the session's policy denies what the role's policy allows
        s3.list_objects_v2(Bucket=BUCKET)


def test_two_emulators_in_one_process_share_no_bucket_and_no_key(site: Site) -> None:
    with Emulator(seed=SEED) as other:
        other_site = Site(other)
        other_site.admin("s3").put_object(Bucket=BUCKET, Key="only-there", Body=b"x")
        other_site.admin("s3").create_bucket(
            Bucket="late-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        with raises_client_error("NoSuchKey"):
            site.admin("s3").get_object(Bucket=BUCKET, Key="only-there")
        with raises_client_error("NoSuchBucket"):
            site.admin("s3").list_objects_v2(Bucket="late-bucket")
        key = other.admin_credentials
        with raises_client_error("InvalidAccessKeyId"):
            site.client("s3", key.id, key.secret).list_buckets()


def test_new_emulator_has_no_objects_of_a_stopped_one() -> None:
    with Emulator(seed=SEED) as first:
        Site(first).admin("s3").put_object(Bucket=BUCKET, Key="old", Body=b"x")
    with Emulator(seed=SEED) as second:
        assert "Contents" not in Site(second).admin("s3").list_objects_v2(Bucket=BUCKET)
