"""`COGNITO`: every rule with an example that breaks it, and settings that are read once and change with the site's."""

import threading
from dataclasses import fields
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.utils.functional import SimpleLazyObject

from django_cognito.conf.loading import get_pool_registry, get_settings
from django_cognito.conf.schema import DECLARATIONS, CognitoSettings, GroupGrant
from django_cognito.conf.validation import find_problems

SOUND = {"USER_POOL_ID": "eu-west-1_AbCdEfGhI", "CLIENT_ID": "1example23456789"}
ODD_TEXTS = ["", "  ", "a\0b", 5, None, ["x"], b"x", SimpleLazyObject(lambda: "lazy")]
NO_TEXTS = ["one", [""], [5], ["a", None], {"a"}, None, 5]
NO_BOOLEANS = [1, 0, None, "True", []]
REFUSED: dict[str, list[Any]] = {
    "USER_POOL_ID": ODD_TEXTS,
    "CLIENT_ID": ODD_TEXTS,
    "CLIENT_SECRET": [None, 5, " ", ["x"], "a\0"],
    "CLIENT_IDS": NO_TEXTS,
    "DOMAIN": [None, 5, " "],
    "ISSUER": [None, 5, " ", [""], [None]],
    "JWKS_URI": [None, 5, " "],
    "ENDPOINT_URL": [None, 5, " "],
    "IDENTITY_POOL_ID": ["eu-west-1_AbCdEfGhI", "eu-west-1:", 5, None, " "],
    "LOGINS_KEY": [None, 5, " "],
    "RESOURCE": [None, 5, " "],
    "TOKEN_CACHE_SIZE": [None, -1, "10", True, 1_000_001],
    "TOKEN_USE": ["both", None, "", ["access"], "ACCESS"],
    "LEEWAY_SECONDS": [-1, 61, "10", None, True, float("nan")],
    "TOKEN_MAX_BYTES": [1_023, 1_048_577, "16384"],
    "JWKS_MAX_AGE_SECONDS": [0, 604_801, float("inf")],
    "JWKS_HARD_MAX_AGE_SECONDS": [0, 2_592_001],
    "HTTP_TIMEOUT_SECONDS": [0, 61, None],
    "TOKEN_TIMEOUT_SECONDS": [0, 61, None, "15", True],
    "REFRESH_GRACE_SECONDS": [-1, 61, None, "60", True],
    "CREATE_USERS": NO_BOOLEANS,
    "USERNAME": ODD_TEXTS,
    "ATTRIBUTES": [None, ["email"], {"email": ""}, {"": "email"}, {"email": None}, {5: "email"}],
    "LINK_BY_VERIFIED_EMAIL": NO_BOOLEANS,
    "USER_CACHE_SECONDS": [-1, 3_601, "60", None, True, float("nan")],
    "GROUPS": [None, ["editors"], "editors"],
    "MIRROR_GROUPS": NO_BOOLEANS,
    "SCOPES_TO_PERMISSIONS": [None, ["a"], {"a": "notes.view_note"}, {"a": ["view"]}, {"a": None}],
    "SCOPES": [["email"], [], "openid", None, [""]],
    "REDIRECT_URI": ["/auth/callback/", "http://www.example.com/", "www.example.com", 5, None],
    "LOGOUT_URI": ["/", "ftp://example.com/", None],
    "REFRESH_MARGIN_SECONDS": [-1, 3_601, "60"],
    "REDIRECT_HOSTS": NO_TEXTS,
    "IDENTITY_PROVIDERS": [
        None,
        "Google",
        [""],
        [5],
        [{}],
        [{"label": "Google"}],
        [{"name": "Google", "idp_identifier": "google.example"}],
        [{"name": "Google", "provider": "x"}],
        [{"name": ""}],
        [{"name": "Google", "label": ""}],
        [{"name": "Google", "domains": "acme.com"}],
        [{"name": "Google", "domains": [""]}],
    ],
    "SILENT_SIGN_IN": NO_BOOLEANS,
    "ADMIN_LOCAL_PASSWORD": NO_BOOLEANS,
    "POOL_RESOLVER": [None, 5, " ", ["a"]],
    "TOKENS_OF_OTHER_POOLS": ["Reject", "", None, True],
    "LINKING_KEEPS_PASSWORD": NO_BOOLEANS,
    "REMEMBERED_GROUPS_SECONDS": [0, 59, "60", True, 315_360_001],
    "SESSION_GRACE_SECONDS": [-1, None, "60", True, 604_801],
    "LINKING_MAX_AGE_SECONDS": [0, -1, "300", True, 31_536_001],
    "POOLS": [None, {}, [], "acme", ["acme"]],
    "PROFILE_SOURCE": ["userInfo", "", None, ["id_token"]],
    "GROUPS_CLAIM": ODD_TEXTS,
}
ACCEPTED: dict[str, list[Any]] = {
    "CLIENT_SECRET": ["", "s3cret", SimpleLazyObject(lambda: pytest.fail("a secret was read at start-up"))],
    "CLIENT_IDS": [["a", "b"], ("a",), []],
    "DOMAIN": ["", "login.example.com", "https://login.example.com", "http://localhost:9229"],
    "ISSUER": ["", "https://issuer.example.com", ["https://a.example.com", "https://b.example.com"], ()],
    "IDENTITY_POOL_ID": ["", "eu-west-1:12345678-90ab-cdef-1234-567890abcdef"],
    "LOGINS_KEY": ["", "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"],
    "SCOPES_TO_PERMISSIONS": [{}, {"notes/read": ["notes.view_note"], "notes/write": []}],
    "RESOURCE": ["", "https://api.example.com"],
    "TOKEN_CACHE_SIZE": [0, 1, 1_000_000],
    "TOKEN_USE": ["access", "id"],
    "LEEWAY_SECONDS": [0, 60, 2.5],
    "ATTRIBUTES": [{}, {"email": "email"}],
    "USER_CACHE_SECONDS": [0, 0.5, 3_600],
    "GROUPS": [
        {},
        {"editors": {}},
        {"e": {"groups": ["a"], "permissions": ["a.b"], "staff": True, "superuser": False}},
    ],
    "PROFILE_SOURCE": ["id_token", "userinfo"],
    "GROUPS_CLAIM": ["cognito:groups", "custom:groups"],
    "REDIRECT_URI": ["", "https://www.example.com/auth/callback/", "http://localhost:8000/auth/callback/"],
    "IDENTITY_PROVIDERS": [
        [],
        ["COGNITO", "Google"],
        ({"name": "AcmeSAML", "label": "Acme", "domains": ["acme.com"]}, {"idp_identifier": "umbrella.example"}),
    ],
    "TOKENS_OF_OTHER_POOLS": ["reject", "allow"],
    "REMEMBERED_GROUPS_SECONDS": [None, 60, 2_592_000],
    "SESSION_GRACE_SECONDS": [0, 3_600, 604_800],
    "TOKEN_TIMEOUT_SECONDS": [0.1, 15, 60],
    "REFRESH_GRACE_SECONDS": [0, 60],
    "LINKING_MAX_AGE_SECONDS": [None, 1, 300],
    "POOL_RESOLVER": ["", "mysite.tenants.alias_of", lambda request: "acme"],
}


def _cases(table: dict[str, list[Any]]) -> list[Any]:
    numbered = [(key, number, value) for key, values in table.items() for number, value in enumerate(values)]
    return [pytest.param(key, value, id=f"{key}-{number}") for key, number, value in numbered]


def _ids(value: Any) -> list[str]:
    return [problem.id.removeprefix("django_cognito.") for problem in find_problems(value)]


def test_the_two_required_keys_are_enough() -> None:
    assert find_problems(SOUND) == []


@pytest.mark.parametrize("value", [None, [], "eu-west-1_AbCdEfGhI", 5])
def test_no_dict_is_refused(value) -> None:
    assert _ids(value) == ["E001"]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("CLIENTID", "CLIENT_ID"),
        ("client_id", "CLIENT_ID"),
        ("USERPOOL_ID", "USER_POOL_ID"),
        ("LEEWAY", "LEEWAY_SECONDS"),
        ("MIRROR_GROUP", "MIRROR_GROUPS"),
        ("CLIENT_IDs", "CLIENT_IDS"),
        ("REDIRECT_URL", "REDIRECT_URI"),
        ("user_pool", "USER_POOL_ID"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(key, nearest) -> None:
    (problem,) = find_problems({**SOUND, key: "x"})
    assert (problem.id, problem.hint) == ("django_cognito.E002", f"Did you mean {nearest!r}?")
    assert repr(key) in problem.message


@pytest.mark.parametrize("key", ["ALIAS", "USER_POOL", "REVOCATION_SECONDS", 5, None, ("a",), ""])
def test_whatever_is_no_key_is_told(key) -> None:
    assert _ids({**SOUND, key: "x"}) == ["E002"]


@pytest.mark.parametrize("key", SOUND)
def test_a_missing_required_key_is_told(key) -> None:
    assert _ids({name: value for name, value in SOUND.items() if name != key}) == ["E003"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert _ids({"CLIENT_ID": "", "LEEWAY_SECONDS": 99, "LEEWEY": 1, "GROUPS": {"a": 5}}) == [
        "E002",
        "E004",
        "E004",
        "E005",
        "E003",
    ]


@pytest.mark.parametrize(("key", "value"), _cases(REFUSED))
def test_a_value_that_breaks_its_rule_is_refused(key, value) -> None:
    (problem,) = find_problems({**SOUND, key: value})
    assert problem.id == "django_cognito.E004"
    assert problem.message.startswith(f"COGNITO[{key!r}] must be ")


def test_every_setting_has_a_rule_and_every_rule_an_example_that_breaks_it() -> None:
    settings = {item.name.upper() for item in fields(CognitoSettings) if item.init} - {"ALIAS"} | {"POOLS"}
    assert set(REFUSED) == settings == set(DECLARATIONS)


@pytest.mark.parametrize(("key", "value"), _cases(ACCEPTED))
def test_a_sound_value_is_accepted(key, value) -> None:
    assert find_problems({**SOUND, key: value}) == []


@pytest.mark.parametrize(
    ("grant", "word"),
    [
        (None, "must be a dict"),
        (["Writers"], "must be a dict"),
        ({"group": ["a"]}, "Did you mean 'groups'?"),
        ({"permission": ["a.b"]}, "Did you mean 'permissions'?"),
        ({"is_staff": True}, "Did you mean 'staff'?"),
        ({"groups": "Writers"}, "a list of Django group names"),
        ({"groups": [""]}, "a list of Django group names"),
        ({"permissions": ["change_note"]}, "such as 'notes.change_note'"),
        ({"permissions": ["a.b.c"]}, "such as 'notes.change_note'"),
        ({"permissions": ["a. b"]}, "such as 'notes.change_note'"),
        ({"permissions": "a.b"}, "such as 'notes.change_note'"),
        ({"staff": 1}, "True or False"),
        ({"superuser": "yes"}, "True or False"),
    ],
)
def test_a_group_that_gives_nonsense_is_refused(grant, word) -> None:
    (problem,) = find_problems({**SOUND, "GROUPS": {"editors": grant}})
    assert problem.id == "django_cognito.E005"
    assert "['editors']" in problem.message
    assert word in problem.message + problem.hint


# Several pools


ACME = {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"}
ZEN = {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"}


def test_what_pools_do_not_say_they_have_of_the_site() -> None:
    assert find_problems({"POOLS": {"acme": ACME, "zen": ZEN}, "SCOPES": ["openid"], "TOKEN_USE": "id"}) == []


@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        ({"acme": {**ACME, "CLIENTID": "x"}}, [("E002", "Did you mean 'CLIENT_ID'?")]),
        ({"acme": {**ACME, "TOKEN_USE": "id"}}, [("E002", "")]),  # the site's, and no pool's own
        ({"acme": {"CLIENT_ID": "1acme"}}, [("E003", "")]),
        ({"acme": {**ACME, "SCOPES": "openid"}}, [("E004", "")]),
        ({"acme": {**ACME, "GROUPS": {"a": {"group": []}}}}, [("E005", "")]),
        ({"acme": {**ACME, "DOMAIN": "http://a.example.com"}}, [("E006", "")]),
        ({"acme": None}, [("E012", "")]),
        ({"acme": ["x"], "": ACME, 5: ACME}, [("E012", "")] * 3),
        ({"acme": ACME, "zen": {**ACME, "CLIENT_ID": "1zen", "MIRROR_GROUPS": True}}, [("E013", "")]),
        ({"acme": ACME, "zen": {**ACME, "CLIENT_ID": "1zen", "RESOURCE": "https://z.example"}}, [("E013", "")]),
        *[
            ({"acme": ACME, "zen": {**ACME, "CLIENT_ID": "1zen", key: value}}, [("E013", "")])
            for key, value in {
                "LINK_BY_VERIFIED_EMAIL": True,
                "USERNAME": "email",
                "ATTRIBUTES": {},
                "CREATE_USERS": False,
            }.items()
        ],
        ({"acme": ACME, "zen": {**ACME}}, [("E014", "")]),
        ({"acme:x": {**ACME, "MIRROR_GROUPS": True}, "zen:x": ZEN}, [("E016", "MIRROR_GROUPS")]),
        ({"a" * 22: {**ACME, "MIRROR_GROUPS": True}, "zen": ZEN}, [("E016", "21 characters")]),
        ({"a" * 21: {**ACME, "MIRROR_GROUPS": True}, "zen" * 10: ZEN, "zen:x": {**ZEN, "CLIENT_ID": "1x"}}, []),
        ({"acme": ACME, "zen": {**ACME, "CLIENT_ID": "1zen", "CLIENT_IDS": ["1zen", "1acme"]}}, [("E014", "")]),
        (
            {"acme": {**ACME, "ISSUER": "https://i.example"}, "zen": {**ZEN, "ISSUER": "https://i.example"}},
            [("E006", "")],
        ),
    ],
)
def test_pools_that_cannot_be_are_refused_and_the_pool_named(pools, expected) -> None:
    found = find_problems({"POOLS": pools})
    assert [problem.id for problem in found] == [f"django_cognito.{number}" for number, _ in expected]
    for problem, (number, hint) in zip(found, expected, strict=True):
        assert hint in problem.hint
        assert number == "E006" or "COGNITO['POOLS']" in problem.message


def test_aliases_of_one_pool_are_one_pool_with_the_clients_of_all(settings) -> None:
    tenants = {"acme": ACME, "beta": {**ACME, "CLIENT_ID": "1beta", "CLIENT_IDS": ["1beta", "1beta-app"]}, "zen": ZEN}
    settings.COGNITO = {"POOLS": tenants}
    found = get_pool_registry()
    assert [(pool.user_pool_id, pool.client_ids) for pool in found.user_pools] == [
        ("eu-west-1_AcmePool1", ("1acme", "1beta", "1beta-app")),
        ("us-east-1_ZenPool01", ("1zen",)),
    ]
    assert found.first is get_settings() is found.by_alias["acme"]


@pytest.mark.parametrize(
    ("client_id", "alias"), [("1acme", "acme"), ("1beta", "beta"), ("1beta-app", "beta"), ("", "acme"), ("1x", "acme")]
)
def test_an_alias_is_found_by_pool_and_client(settings, client_id, alias) -> None:
    beta = {**ACME, "CLIENT_ID": "1beta", "CLIENT_IDS": ["1beta-app"]}
    settings.COGNITO = {"POOLS": {"zen": ZEN, "acme": ACME, "beta": beta}}
    assert get_pool_registry().for_token("eu-west-1_AcmePool1", client_id).alias == alias


def test_a_pool_that_is_configured_no_longer_has_no_alias(settings) -> None:
    settings.COGNITO = {"POOLS": {"zen": ZEN, "acme": ACME}}
    assert get_pool_registry().find("eu-west-1_GonePool1", "1zen") is None
    assert get_pool_registry().for_token("eu-west-1_GonePool1", "1zen").alias == "zen"


@pytest.mark.parametrize("name", ["", 5, None])
def test_a_group_without_a_name_is_refused(name) -> None:
    assert _ids({**SOUND, "GROUPS": {name: {}}}) == ["E005"]


@pytest.mark.parametrize(
    "change",
    [
        {"USER_POOL_ID": "eu-west-1"},
        {"USER_POOL_ID": "eu-west-1_Ab/../x"},
        {"DOMAIN": "http://login.example.com"},
        {"ISSUER": "http://issuer.example.com"},
        {"ISSUER": "issuer.example.com"},
        {"JWKS_URI": "file:///etc/passwd"},
        {"ENDPOINT_URL": "http://169.254.169.254"},
    ],
)
def test_a_pool_that_cannot_be_is_refused(change) -> None:
    assert _ids({**SOUND, **change}) == ["E006"]


@pytest.mark.parametrize(
    "change",
    [
        {"JWKS_HARD_MAX_AGE_SECONDS": 60},
        {"JWKS_MAX_AGE_SECONDS": 172_800},
        {"JWKS_MAX_AGE_SECONDS": 61, "JWKS_HARD_MAX_AGE_SECONDS": 60},
    ],
)
def test_keys_that_end_before_they_are_refreshed_are_refused(change) -> None:
    assert _ids({**SOUND, **change}) == ["E007"]


def test_no_problem_holds_the_secret() -> None:
    said = str(find_problems({**SOUND, "CLIENT_SECRET": " s3cret\0", "ISSUER": "x"}))
    assert "s3cret" not in said


# The settings in force


def test_what_is_not_given_has_its_default() -> None:
    with override_settings(COGNITO=SOUND):
        found = get_settings()
    assert (found.token_use, found.leeway_seconds, found.create_users, found.link_by_verified_email) == (
        "access",
        10,
        True,
        False,
    )
    assert found.user_pool.client_ids == ("1example23456789",)
    assert found.attributes == {"email": "email", "first_name": "given_name", "last_name": "family_name"}


def test_lists_become_tuples_and_one_issuer_a_tuple_of_one() -> None:
    with override_settings(COGNITO={**SOUND, "ISSUER": "https://i.example.com", "CLIENT_IDS": ["a", "b"]}):
        found = get_settings()
    assert (found.issuer, found.client_ids) == (("https://i.example.com",), ("a", "b"))
    assert found.user_pool.issuers == ("https://i.example.com",)


def test_client_ids_replace_the_client_on_api_requests() -> None:
    with override_settings(COGNITO={**SOUND, "CLIENT_IDS": ["other"]}):
        assert get_settings().user_pool.client_ids == ("other",)
        assert get_settings().client_id == "1example23456789"


def test_groups_become_grants() -> None:
    grant = {"groups": ["Writers"], "permissions": ["a.b", "a.b"], "staff": True}
    with override_settings(COGNITO={**SOUND, "GROUPS": {"editors": grant, "none": {}}}):
        assert get_settings().groups == {
            "editors": GroupGrant(("Writers",), frozenset({"a.b"}), True, False),
            "none": GroupGrant(),
        }


def test_the_settings_are_one_object_until_they_change() -> None:
    first = get_settings()
    with override_settings(DEBUG=True):
        assert get_settings() is first
    with override_settings(COGNITO={**SOUND, "LEEWAY_SECONDS": 5}):
        assert get_settings().leeway_seconds == 5
    assert get_settings().leeway_seconds == first.leeway_seconds


def test_wrong_settings_are_improperly_configured_in_the_words_of_the_checks() -> None:
    with override_settings(COGNITO={**SOUND, "LEWAY_SECONDS": 5}), pytest.raises(ImproperlyConfigured) as raised:
        get_settings()
    assert str(raised.value) == "COGNITO has the unknown key 'LEWAY_SECONDS'. Did you mean 'LEEWAY_SECONDS'?"


def test_missing_settings_are_improperly_configured() -> None:
    with override_settings(COGNITO=None), pytest.raises(ImproperlyConfigured, match="COGNITO is missing"):
        get_settings()


def test_error_report_of_wrong_settings_has_no_secret() -> None:
    wrong = {**SOUND, "CLIENT_SECRET": "s3cret", "LEWAY_SECONDS": 5}
    with override_settings(COGNITO=wrong), pytest.raises(ImproperlyConfigured) as raised:
        get_settings()
    frames = [entry.frame for entry in raised.traceback if "django_cognito" in entry.frame.code.raw.co_filename]
    assert frames
    assert "s3cret" not in repr([frame.f_locals for frame in frames])


def test_threads_that_start_together_get_one_object(settings) -> None:
    settings.COGNITO = dict(SOUND)
    barrier, found = threading.Barrier(8), []

    def read() -> None:
        barrier.wait(timeout=20)
        found.append(get_settings())

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_the_secret_is_not_in_the_repr() -> None:
    with override_settings(COGNITO={**SOUND, "CLIENT_SECRET": "s3cret"}):
        assert "s3cret" not in repr(get_settings())


@pytest.mark.parametrize(
    ("pool", "key"),
    [
        ("eu-west-1_AbCdEfGhI", "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"),
        ("cn-north-1_AbCdEfGhI", "cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_AbCdEfGhI"),
    ],
)
def test_the_identity_pool_knows_the_user_pool_by_its_original_issuer(settings, pool, key) -> None:
    settings.COGNITO = {**SOUND, "USER_POOL_ID": pool, "ISSUER": f"https://issuer-{key}"}
    assert get_settings().logins_key == key
