"""Administrators create, change, disable and delete users through the API, as on AWS."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito_support.api_shapes import call_operation, unknown_members
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.user_pools import OTHER_POOL_ID, PASSWORD, POOL_ID, Clock, Users

TEMPORARY = "Temporary-horse-1"
NOT_IN_SCHEMA = "Attributes did not conform to the schema: {}: Attribute does not exist in the schema.\n"


def items(**attributes: str) -> list[dict[str, str]]:
    return [{"Name": name.replace("custom_", "custom:"), "Value": value} for name, value in attributes.items()]


def attributes_of(idp: Any, username: str, pool_id: str = POOL_ID) -> dict[str, str]:
    user = idp.admin_get_user(UserPoolId=pool_id, Username=username)
    return {item["Name"]: item["Value"] for item in user["UserAttributes"]}


def create(idp: Any, username: str, pool_id: str = POOL_ID, **parameters: Any) -> dict[str, Any]:
    user: dict[str, Any] = idp.admin_create_user(UserPoolId=pool_id, Username=username, **parameters)["User"]
    return user


def update(idp: Any, username: str, **attributes: str) -> None:
    idp.admin_update_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributes=items(**attributes))


@pytest.fixture
def made_pool(idp: Any) -> Iterator[str]:
    """Yield the ID of a pool whose schema has a required name, an immutable attribute and a number."""
    schema = [
        {"Name": "name", "Required": True},
        {"Name": "badge", "AttributeDataType": "String", "Mutable": False},
        {
            "Name": "level",
            "AttributeDataType": "Number",
            "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "9"},
        },
        {"Name": "active", "AttributeDataType": "Boolean"},
        {
            "Name": "code",
            "AttributeDataType": "String",
            "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "3"},
        },
    ]
    pool_id = idp.create_user_pool(PoolName="With a schema", Schema=schema)["UserPool"]["Id"]
    yield pool_id
    idp.delete_user_pool(UserPoolId=pool_id)


def test_new_user_has_the_response_of_aws(emulator: Emulator) -> None:
    parameters = {"UserPoolId": POOL_ID, "Username": "shaped", "UserAttributes": items(email="shaped@example.com")}
    status, body = call_operation(emulator, "AdminCreateUser", **parameters)
    assert (status, unknown_members("AdminCreateUser", body)) == (200, [])
    user = body["User"]
    assert (user["UserStatus"], user["Enabled"]) == ("FORCE_CHANGE_PASSWORD", True)
    assert [item["Name"] for item in user["Attributes"]] == ["email", "sub"]


def test_temporary_password_must_be_changed(idp: Any, users: Users) -> None:
    create(idp, "temporary", TemporaryPassword=TEMPORARY)
    assert users.sign_in("temporary", password=TEMPORARY)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_temporary_password_must_conform_to_the_policy(idp: Any) -> None:
    with raises_client_error("InvalidPasswordException"):
        create(idp, "weak", TemporaryPassword="weak")
    with raises_client_error("UserNotFoundException"):
        idp.admin_get_user(UserPoolId=POOL_ID, Username="weak")


def test_invitation_has_the_generated_password(idp: Any, emulator: Emulator, users: Users) -> None:
    create(idp, "invited", UserAttributes=items(email="invited@example.com"))
    invitation = emulator.mailbox.messages()[0]
    assert (invitation.medium, invitation.address) == ("EMAIL", "invited@example.com")
    assert users.sign_in("invited", password=invitation.code)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


@pytest.mark.parametrize(
    ("parameters", "media"),
    [
        ({"MessageAction": "SUPPRESS"}, []),
        ({"DesiredDeliveryMediums": ["EMAIL", "SMS"]}, ["EMAIL", "SMS"]),
        ({}, ["SMS"]),
    ],
)
def test_invitation_is_sent_by_the_chosen_media(
    idp: Any, emulator: Emulator, users: Users, parameters: dict[str, Any], media: list[str]
) -> None:
    username = f"by-{'-'.join(media) or 'none'}"
    create(
        idp, username, UserAttributes=items(email=f"{username}@example.com", phone_number="+12065550100"), **parameters
    )
    sent = [message.medium for message in emulator.mailbox.messages() if message.username == username]
    assert sorted(sent) == sorted(media)


def test_resend_keeps_the_account_and_replaces_the_password(idp: Any, emulator: Emulator, users: Users) -> None:
    created = create(idp, "again", TemporaryPassword=TEMPORARY, UserAttributes=items(email="again@example.com"))
    idp.admin_add_user_to_group(UserPoolId=POOL_ID, Username="again", GroupName="viewers")
    resent = create(idp, "again", MessageAction="RESEND")
    assert resent["Attributes"] == created["Attributes"]
    assert resent["UserCreateDate"] == created["UserCreateDate"]
    groups = idp.admin_list_groups_for_user(UserPoolId=POOL_ID, Username="again")["Groups"]
    assert [group["GroupName"] for group in groups] == ["viewers"]
    with raises_client_error("NotAuthorizedException"):
        users.sign_in("again", password=TEMPORARY)
    assert users.sign_in("again", password=emulator.mailbox.messages()[0].code)["ChallengeName"]


def test_resend_to_a_confirmed_or_unknown_user_is_rejected(idp: Any, users: Users) -> None:
    with raises_client_error("UnsupportedUserStateException"):
        create(idp, users.create(), MessageAction="RESEND")
    with raises_client_error("UserNotFoundException"):
        create(idp, "never-created", MessageAction="RESEND")


def test_username_that_exists_is_rejected(idp: Any, users: Users) -> None:
    username = users.create()
    with raises_client_error("UsernameExistsException", "User account already exists"):
        create(idp, username)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"custom_absent": "x"}, f"{NOT_IN_SCHEMA.format('custom:absent')}"),
        ({"email": "no address"}, "Invalid email address format."),
        ({"phone_number": "0123"}, "Invalid phone number format."),
        ({"email_verified": "true"}, "email_verified needs a value of email"),
        ({"sub": "chosen"}, "user.sub: Attribute cannot be updated.\n"),
        ({"identities": "[]"}, NOT_IN_SCHEMA.format("identities")),
    ],
)
def test_invalid_attributes_of_a_new_user_are_rejected(idp: Any, attributes: dict[str, str], message: str) -> None:
    with raises_client_error("InvalidParameterException", message):
        create(idp, "invalid", UserAttributes=items(**attributes))
    with raises_client_error("UserNotFoundException"):
        idp.admin_get_user(UserPoolId=POOL_ID, Username="invalid")


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("custom:level", "9", "10"),
        ("custom:level", "1", "one"),
        ("custom:active", "TRUE", "yes"),
        ("custom:code", "abc", "abcd"),
        ("nickname", "x" * 2048, "x" * 2049),
    ],
)
def test_values_are_checked_against_the_schema(idp: Any, made_pool: str, name: str, valid: str, invalid: str) -> None:
    create(idp, "ann", made_pool, UserAttributes=[{"Name": name, "Value": valid}])
    if len(invalid) <= 2048:  # boto3 rejects longer ones itself
        with raises_client_error("InvalidParameterException"):
            create(idp, "ben", made_pool, UserAttributes=[{"Name": name, "Value": invalid}])


def test_required_and_immutable_attributes_stay(idp: Any, made_pool: str) -> None:
    create(idp, "ann", made_pool, UserAttributes=items(name="Ann", custom_badge="7"))
    for attributes, message in (
        (items(name=""), "user.name: The attribute is required\n"),
        (items(custom_badge="8"), "user.custom:badge: Attribute cannot be updated.\n"),
    ):
        with raises_client_error("InvalidParameterException", message):
            idp.admin_update_user_attributes(UserPoolId=made_pool, Username="ann", UserAttributes=attributes)
    user_attributes = attributes_of(idp, "ann", made_pool)
    assert (user_attributes["name"], user_attributes["custom:badge"]) == ("Ann", "7")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"custom_absent": "x"}, "user.custom:absent: Attribute does not exist in the schema.\n"),
        ({"sub": "other"}, "user.sub: Attribute cannot be updated.\n"),
        ({"email": "no address"}, "Invalid email address format."),
        ({"birthdate": "1815"}, "user.birthdate: The length of the value is outside of the limits of the schema\n"),
        ({"email_verified": "perhaps"}, "user.email_verified: The value must be true or false\n"),
    ],
)
def test_invalid_change_is_rejected(idp: Any, users: Users, attributes: dict[str, str], message: str) -> None:
    username = users.create_with_email()
    before = attributes_of(idp, username)
    with raises_client_error("InvalidParameterException", message):
        update(idp, username, name="Changed", **attributes)
    assert attributes_of(idp, username) == before


@pytest.mark.parametrize(
    ("attributes", "is_verified"),
    [
        ({"email": "changed-1@example.com"}, "false"),
        ({"email": "changed-2@example.com", "email_verified": "true"}, "true"),
        ({"name": "Ann"}, "true"),
        ({"email": ""}, None),
    ],
)
def test_changed_email_is_verified_only_if_stated(
    idp: Any, users: Users, attributes: dict[str, str], is_verified: str | None
) -> None:
    username = users.create_with_email()
    update(idp, username, **attributes)
    assert attributes_of(idp, username).get("email_verified") == is_verified


def test_same_email_stays_verified(idp: Any, users: Users) -> None:
    username = users.create_with_email()
    update(idp, username, email=f"{username}@example.com")
    assert attributes_of(idp, username)["email_verified"] == "true"


def test_changed_email_is_the_alias_at_once(idp: Any, users: Users) -> None:
    username = users.create_with_email()
    update(idp, username, email="moved@example.com", email_verified="true")
    assert idp.admin_get_user(UserPoolId=POOL_ID, Username="moved@example.com")["Username"] == username
    with raises_client_error("UserNotFoundException"):
        idp.admin_get_user(UserPoolId=POOL_ID, Username=f"{username}@example.com")


def test_verified_email_of_another_user_is_rejected(idp: Any, users: Users) -> None:
    owner, other = users.create_with_email(), users.create()
    with raises_client_error("AliasExistsException"):
        update(idp, other, email=f"{owner}@example.com", email_verified="true")
    with raises_client_error("AliasExistsException"):
        create(idp, "taker", UserAttributes=items(email=f"{owner}@example.com", email_verified="true"))
    update(idp, other, email=f"{owner}@example.com")  # unverified: it is no alias


def test_forced_alias_moves_to_the_new_user(idp: Any, users: Users) -> None:
    owner = users.create_with_email()
    attributes = items(email=f"{owner}@example.com", email_verified="true")
    create(idp, "forcing", ForceAliasCreation=True, UserAttributes=attributes)
    assert idp.admin_get_user(UserPoolId=POOL_ID, Username=f"{owner}@example.com")["Username"] == "forcing"
    assert attributes_of(idp, owner)["email_verified"] == "false"


def test_username_of_an_email_pool_is_the_sub(idp: Any) -> None:
    user = create(idp, "tess@example.com", OTHER_POOL_ID)
    user_attributes = attributes_of(idp, "tess@example.com", OTHER_POOL_ID)
    assert user["Username"] == user_attributes["sub"]
    assert user_attributes["email"] == "tess@example.com"
    with raises_client_error("UsernameExistsException", "User account already exists"):
        create(idp, "tess@example.com", OTHER_POOL_ID)
    with raises_client_error("InvalidParameterException", "Username should be an email."):
        create(idp, "tess", OTHER_POOL_ID)


def test_email_of_another_user_of_an_email_pool_is_rejected(idp: Any) -> None:
    create(idp, "uma@example.com", OTHER_POOL_ID)
    change = {"UserPoolId": OTHER_POOL_ID, "UserAttributes": items(email="sue@example.com")}
    with raises_client_error("AliasExistsException"):
        idp.admin_update_user_attributes(Username="uma@example.com", **change)


def test_deleted_attribute_is_gone_with_its_flag(idp: Any, users: Users) -> None:
    username = users.create_with_email()
    idp.admin_delete_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributeNames=["email"])
    assert not {"email", "email_verified"} & attributes_of(idp, username).keys()
    with raises_client_error("InvalidParameterException", "user.custom:x: Attribute does not exist in the schema.\n"):
        idp.admin_delete_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributeNames=["custom:x"])


def test_user_deletes_own_attributes_but_no_flags(public_idp: Any, idp: Any, users: Users) -> None:
    username = users.create_with_email()
    update(idp, username, nickname="Nick")
    access_token = users.tokens(username)["AccessToken"]
    public_idp.delete_user_attributes(AccessToken=access_token, UserAttributeNames=["nickname"])
    assert "nickname" not in attributes_of(idp, username)
    with raises_client_error("NotAuthorizedException"):
        public_idp.delete_user_attributes(AccessToken=access_token, UserAttributeNames=["email_verified"])


@pytest.mark.parametrize("names", [None, "nickname", [""], []])
def test_invalid_attribute_names_are_rejected(emulator: Emulator, users: Users, names: Any) -> None:
    parameters = {"UserPoolId": POOL_ID, "Username": users.create(), "UserAttributeNames": names}
    status, body = call_operation(emulator, "AdminDeleteUserAttributes", **parameters)
    assert (status, body.get("__type")) == ((200, None) if names == [] else (400, "InvalidParameterException"))


def change_user(idp: Any, username: str, operation: str) -> None:
    parameters: dict[str, Any] = {
        "admin_update_user_attributes": {"UserAttributes": items(name="Ann")},
        "admin_delete_user_attributes": {"UserAttributeNames": ["name"]},
        "admin_set_user_password": {"Password": PASSWORD, "Permanent": True},
    }
    getattr(idp, operation)(UserPoolId=POOL_ID, Username=username, **parameters.get(operation, {}))


@pytest.mark.parametrize(
    "operation",
    [
        "admin_update_user_attributes",
        "admin_delete_user_attributes",
        "admin_disable_user",
        "admin_enable_user",
        "admin_set_user_password",
        "admin_confirm_sign_up",
    ],
)
def test_change_sets_the_date_of_modification(idp: Any, users: Users, clock: Clock, operation: str) -> None:
    username = users.create()
    clock.pass_seconds(1000)
    now = datetime.fromtimestamp(clock(), UTC)
    change_user(idp, username, operation)
    user = idp.admin_get_user(UserPoolId=POOL_ID, Username=username)
    assert abs((user["UserLastModifiedDate"] - now).total_seconds()) < 60
    assert (now - user["UserCreateDate"]).total_seconds() > 900
    assert idp.list_users(UserPoolId=POOL_ID, Filter=f'username = "{username}"')["Users"][0]["UserLastModifiedDate"]


def test_change_of_groups_keeps_the_date_of_modification(idp: Any, users: Users, clock: Clock) -> None:
    username = users.create()
    before = idp.admin_get_user(UserPoolId=POOL_ID, Username=username)["UserLastModifiedDate"]
    clock.pass_seconds(1000)
    idp.admin_add_user_to_group(UserPoolId=POOL_ID, Username=username, GroupName="viewers")
    assert idp.admin_get_user(UserPoolId=POOL_ID, Username=username)["UserLastModifiedDate"] == before


def test_disabled_user_is_signed_out_and_listed_as_disabled(idp: Any, users: Users) -> None:
    username = users.create()
    tokens = users.tokens(username)
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("NotAuthorizedException"):
        idp.get_user(AccessToken=tokens["AccessToken"])
    assert idp.list_users(UserPoolId=POOL_ID, Filter=f'username = "{username}"')["Users"][0]["Enabled"] is False
    idp.admin_enable_user(UserPoolId=POOL_ID, Username=username)
    assert users.tokens(username)
    with raises_client_error("NotAuthorizedException"):
        idp.get_user(AccessToken=tokens["AccessToken"])


@pytest.mark.parametrize("operation", ["admin_delete_user", "delete_user"])
def test_deleted_user_leaves_groups_and_tokens(idp: Any, public_idp: Any, users: Users, operation: str) -> None:
    username = users.create("rivals")
    tokens = users.tokens(username)
    if operation == "delete_user":
        public_idp.delete_user(AccessToken=tokens["AccessToken"])
    else:
        idp.admin_delete_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("UserNotFoundException", "User does not exist."):
        public_idp.get_user(AccessToken=tokens["AccessToken"])
    with raises_client_error("UserNotFoundException"):
        idp.admin_get_user(UserPoolId=POOL_ID, Username=username)
    members = idp.list_users_in_group(UserPoolId=POOL_ID, GroupName="rivals")["Users"]
    assert username not in [user["Username"] for user in members]
    assert idp.list_users(UserPoolId=POOL_ID, Filter=f'username = "{username}"')["Users"] == []


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("admin_get_user", {}),
        ("admin_list_groups_for_user", {}),
        ("admin_add_user_to_group", {"GroupName": "viewers"}),
        ("admin_update_user_attributes", {"UserAttributes": items(name="Ann")}),
        ("admin_set_user_password", {"Password": PASSWORD, "Permanent": True}),
        ("admin_user_global_sign_out", {}),
        ("admin_disable_user", {}),
        ("admin_delete_user", {}),
    ],
)
def test_operation_accepts_a_sub_as_username(
    idp: Any, users: Users, operation: str, parameters: dict[str, Any]
) -> None:
    username = users.create()
    sub = attributes_of(idp, username)["sub"]
    getattr(idp, operation)(UserPoolId=POOL_ID, Username=sub, **parameters)


def test_sub_is_no_username_for_a_sign_in(idp: Any, users: Users) -> None:
    sub = attributes_of(idp, users.create())["sub"]
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        users.sign_in(sub)


def test_forgotten_password_accepts_a_sub(idp: Any, public_idp: Any, emulator: Emulator, users: Users) -> None:
    username = users.create_with_email()
    sub = attributes_of(idp, username)["sub"]
    public_idp.forgot_password(ClientId="1public", Username=sub)
    code = emulator.mailbox.messages()[0].code
    public_idp.confirm_forgot_password(
        ClientId="1public", Username=sub, ConfirmationCode=code, Password="Other-horse-8"
    )
    assert users.sign_in(username, password="Other-horse-8")["AuthenticationResult"]


def test_update_of_a_pool_keeps_its_sign_in_options(idp: Any) -> None:
    config = {"UsernameAttributes": ["email"], "UsernameConfiguration": {"CaseSensitive": False}}
    pool_id = idp.create_user_pool(PoolName="Updated", **config)["UserPool"]["Id"]
    idp.update_user_pool(UserPoolId=pool_id, AutoVerifiedAttributes=["email"])
    assert create(idp, "vic@example.com", pool_id)["Username"] != "vic@example.com"
    assert idp.admin_get_user(UserPoolId=pool_id, Username="VIC@example.com")["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    idp.delete_user_pool(UserPoolId=pool_id)
