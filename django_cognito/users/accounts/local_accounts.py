"""Find or create the Django user of a first link: a local account with the same verified email, or a new one.

Must not open transactions: `provisioning` calls it inside its own.
"""

from collections.abc import Callable, Collection, Mapping
from functools import reduce
from operator import or_
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.db import router
from django.db.models import Exists, Field, OuterRef, Q

from ...conf.schema import CognitoSettings
from ...models import CognitoUser, FormerLink
from ..attributes.claim_sources import IdentityClaims
from ..attributes.claim_values import ALWAYS_PRESENT_NAMES
from ..attributes.contact_claims import hash_targets
from ..attributes.field_values import read_fields
from ..attributes.fields import get_email_field, requires_unique_value, set_field_from_claim, try_set_unique
from .service_users import is_service_user

# Limit of accounts whose email the database compares as equal. If there are as many, no account is linked.
_MAX_SIMILAR = 100


def find_account_by_email(identity: IdentityClaims, settings: CognitoSettings) -> Any:
    """Return the local account with the verified email of `identity`, locked; None if there is none or more than one.

    None too if LINK_BY_VERIFIED_EMAIL is off. Never returns a staff account, an inactive one, a superuser or a service
    user.
    """
    model = get_user_model()
    email = get_email_field(model)
    if not settings.link_by_verified_email or not identity.verified_email or email is None:
        return None
    # Accounts with a link, of any pool, are excluded: their email may be unverified, as the user typed it. They do not
    # count as a second match either, which would prevent the linking of another account.
    others = CognitoUser.objects.exclude(user_pool_id=identity.user_pool_id, sub=identity.sub)
    is_taken = Exists(others.filter(user_id=OuterRef("pk")))
    # Accounts that had a link are excluded too: the former user may have a password, and typed the email as above.
    was_taken = Exists(FormerLink.objects.filter(user_id=OuterRef("pk")))
    users = model._default_manager.filter(~is_taken, ~was_taken, **{f"{email.name}__iexact": identity.verified_email})
    similar: list[Any] = list(users.select_for_update()[:_MAX_SIMILAR])
    matches = [user for user in similar if _is_same_email(getattr(user, email.name), identity.verified_email)]
    if len(matches) != 1 or len(similar) == _MAX_SIMILAR:
        return None
    account = matches[0]
    # Check both again, under the lock: another transaction may have linked or unlinked the account.
    using = router.db_for_write(CognitoUser)
    if any(rows.using(using).filter(user=account).exists() for rows in (others, FormerLink.objects)):
        return None
    is_privileged = getattr(account, "is_staff", False) or getattr(account, "is_superuser", False)
    return account if account.is_active and not is_privileged and not is_service_user(account) else None


def _is_same_email(left: str, right: str) -> bool:
    # CVE-2019-19844: databases ignore case for more characters than mail servers. PostgreSQL's capital of a dotless i
    # is an I.
    return left == right or (left.isascii() and right.isascii() and left.lower() == right.lower())


def find_used_emails(emails: Collection[str]) -> set[str]:
    """Return those of `emails`, in lower case, that accounts may have for `find_account_by_email`. One query."""
    model = get_user_model()
    email = get_email_field(model)
    if not emails or email is None:
        return set()
    # The same comparison for each address, so that the same index is used.
    condition = reduce(or_, (Q(**{f"{email.name}__iexact": address}) for address in emails))
    # In the database for writes, as the locking query of `find_account_by_email`: a replica may lag.
    rows = model._default_manager.using(router.db_for_write(model)).filter(condition).values_list(email.name, flat=True)
    return {address.lower() for address in rows}


def build_account(
    link: CognitoUser,
    identity: IdentityClaims,
    attributes: Mapping[str, Any],
    settings: CognitoSettings,
    fill_user: Callable[[Any], None],
) -> tuple[Any, dict[str, Any]]:
    """Build the Django user of a first link, with an unusable password. The caller saves it and sets it on `link`.

    Dotted keys of `attributes` are left to the caller: their rows need the user's primary key.

    The username is that of the claims; if another account has it, a part of the `sub` is appended. `fill_user` sets
    further fields.
    Return the user, and the field values of an empty user, for comparison.
    """
    user: Any = get_user_model()()
    empty_values, email = read_fields(user), get_email_field(user)
    if email is None or email.name != user.USERNAME_FIELD:
        _set_username(user, identity)
    elif identity.preferred_username:
        set_field_from_claim(user, email.name, identity.preferred_username)
    present = {name: value for name, value in attributes.items() if value is not None and "." not in name}
    names = [name for name, value in present.items() if set_field_from_claim(user, name, value)]
    link.claim_fields = hash_targets(user, names)
    # Access tokens contain no email. If the model requires one, the next ID token replaces this value.
    if email is not None and not getattr(user, email.name) and requires_unique_value(user, email):
        _set_placeholder_email(user, email, identity)
    is_named_by_claim = bool(identity.preferred_username) or user.USERNAME_FIELD in settings.attributes
    placeholder = "" if is_named_by_claim or settings.username in ALWAYS_PRESENT_NAMES else user.get_username()
    fill_user(user)
    after = hash_targets(user, names)  # what the adapter has set is of the site
    link.claim_fields = {name: digest for name, digest in link.claim_fields.items() if after[name] == digest}
    link.placeholder_username = placeholder if user.get_username() == placeholder else ""
    user.set_unusable_password()
    return user, empty_values


def replace_placeholder_username(link: CognitoUser, identity: IdentityClaims) -> None:
    """Set the username from the claim USERNAME, once, if the user still has the placeholder. Saves nothing.

    If another user has that name, the placeholder stays until the claim changes.
    """
    user: Any = link.user
    if not link.placeholder_username or not identity.preferred_username:
        return
    if user.get_username() == link.placeholder_username:
        set_field_from_claim(user, user.USERNAME_FIELD, identity.preferred_username)
    if user.get_username() != link.placeholder_username:
        link.placeholder_username = ""


def _set_username(user: Any, identity: IdentityClaims) -> None:
    name = user.normalize_username(identity.preferred_username or identity.username)
    max_length = user._meta.get_field(user.USERNAME_FIELD).max_length
    suffix = f"-{identity.sub[:8]}"
    shortened = name if max_length is None else name[: max_length - len(suffix)]
    candidates = (name[:max_length], shortened + suffix, identity.sub[:max_length])
    # The database compares the names: it may treat names as equal that differ in case or accents.
    if not any(try_set_unique(user, user.USERNAME_FIELD, candidate) for candidate in candidates):
        # All three may be in use: the users of a pool can choose any username.
        setattr(user, user.USERNAME_FIELD, str(uuid4())[:max_length])


def _set_placeholder_email(user: Any, email: "Field[Any, Any]", identity: IdentityClaims) -> None:
    """Set an address that receives no mail (RFC 2606 2), with a random one if a former user of the `sub` has it."""
    domain = f"@{identity.user_pool_id}.invalid".lower()
    room = None if email.max_length is None else max(email.max_length - len(domain), 0)
    if not try_set_unique(user, email.name, f"{identity.sub[:room]}{domain}".lower()):
        setattr(user, email.name, f"{str(uuid4())[:room]}{domain}")
