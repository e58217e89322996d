"""Steps: a person's AWS credentials, by boto3 and by the API."""

import time

from .. import api, hosted_ui
from ..identity import AwsPerson, asked, aws_person
from ..step import step
from ..world import World

BRIEF_LIFE_SECONDS = 3  # of the other identity pool's credentials, as the seed has it


@step(
    "With Alice's AWS credentials, boto3 is denied Bob's files",
    expected="hers: list allowed, write allowed, read allowed, delete allowed; "
    "his: list AccessDenied, write AccessDenied, read AccessDenied, delete AccessDenied",
)
def others_are_denied(world: World) -> str:
    """IAM says so, and no line of the site's: there is such a file of Bob's."""
    alice, bob = (aws_person(world, _tokens(world, name)["id_token"]) for name in ("alice", "bob"))
    world.s3_admin.put_object(Bucket=world.bucket, Key=f"{bob.identity_id}/boots.txt", Body=b"left by the door")
    hers, his = (_tried(world, alice, whose.identity_id) for whose in (alice, bob))
    return f"hers: {hers}; his: {his}"


def _tried(world: World, person: AwsPerson, identity_id: str) -> str:
    bucket, file = {"Bucket": world.bucket}, {"Bucket": world.bucket, "Key": f"{identity_id}/boots.txt"}
    answers = {
        "list": asked(person.s3.list_objects_v2, **bucket, Prefix=f"{identity_id}/"),
        "write": asked(person.s3.put_object, **file, Body=b"filled with water"),
        "read": asked(person.s3.get_object, **file),
        "delete": asked(person.s3.delete_object, **file),
    }
    return ", ".join(f"{what} {answer}" for what, answer in answers.items())


@step(
    "The API lists files for an access token with its ID token beside it",
    expected="200 with hers; 403 id_token_required with none; 401 at_hash_mismatch with Bob's",
)
def api_with_id_token(world: World) -> str:
    """AWS knows people by their ID token, and the site makes sure that it is the same person's."""
    alice, bob = (_tokens(world, name) for name in ("alice", "bob"))
    token = alice["access_token"]
    with_hers = api.told(api.files(world, token, id_token=alice["id_token"]))
    with_none = api.told(api.files(world, token))
    with_bobs = api.told(api.files(world, token, id_token=bob["id_token"]))
    return f"{with_hers} with hers; {with_none} with none; {with_bobs} with Bob's"


@step(
    "Credentials that last three seconds are renewed",
    expected="boto3: allowed, then ExpiredToken, with new ones allowed; the site, of one sign-in: 200, then 200",
)
def renewed(world: World) -> str:
    """At a site with an identity pool whose credentials are short-lived: no user signs in again there."""
    tokens, site = _tokens(world, "alice"), world.start_brief_site()
    first = aws_person(world, tokens["id_token"], identity_pool_id=world.brief_identity_pool_id)
    early = _lists(world, first), _site_lists(world, tokens, site)
    time.sleep(BRIEF_LIFE_SECONDS + 1)
    late = _lists(world, first), _site_lists(world, tokens, site)
    second = aws_person(world, tokens["id_token"], identity_pool_id=world.brief_identity_pool_id)
    new = "new ones" if second.access_key_id != first.access_key_id else "the old ones"
    by_boto3 = f"{early[0]}, then {late[0]}, with {new} {_lists(world, second)}"
    return f"boto3: {by_boto3}; the site, of one sign-in: {early[1]}, then {late[1]}"


def _lists(world: World, person: AwsPerson) -> str:
    return asked(person.s3.list_objects_v2, Bucket=world.bucket, Prefix=f"{person.identity_id}/")


def _site_lists(world: World, tokens: dict[str, str], site: str) -> str:
    return api.told(api.files(world, tokens["access_token"], id_token=tokens["id_token"], site=site))


def _tokens(world: World, name: str) -> dict[str, str]:
    return hosted_ui.tokens(world, world.people[name])
