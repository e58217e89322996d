"""The Django user of a first link: a local account with the same verified email, or a new one.

Called by `users` alone, in its transaction.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.db import router
from django.db.models import Exists, OuterRef

from ..conf.schema import CognitoSettings
from ..models import CognitoUser, FormerLink
from .claim_sources import Statement
from .fields import email_field, needs_its_own, put, take

# Accounts that the database holds for ones with the same email address. From this number on none is linked.
_MAX_SIMILAR = 100


def find_account_by_email(statement: Statement, settings: CognitoSettings) -> Any:
    """Return the one local account with this verified email, locked, if the site allows it; never a staff account."""
    model = get_user_model()
    email = email_field(model)
    if not settings.link_by_verified_email or not statement.verified_email or email is None:
        return None
    # No account with a link, of any pool: its email may be what its user wrote into the profile, unverified. It is no
    # second match either, which would prevent the linking of another account.
    others = CognitoUser.objects.exclude(user_pool_id=statement.user_pool_id, sub=statement.sub)
    is_taken = Exists(others.filter(user_id=OuterRef("pk")))
    # No account that had a link once: its former user may still have a password, and wrote the email as above.
    was_taken = Exists(FormerLink.objects.filter(user_id=OuterRef("pk")))
    named = model._default_manager.filter(~is_taken, ~was_taken, **{f"{email.name}__iexact": statement.verified_email})
    similar: list[Any] = list(named.select_for_update()[:_MAX_SIMILAR])
    found = [each for each in similar if _is_same_address(getattr(each, email.name), statement.verified_email)]
    if len(found) != 1 or len(similar) == _MAX_SIMILAR:
        return None
    # Both again, under the lock: another transaction may have linked or unlinked the account.
    using = router.db_for_write(CognitoUser)
    if any(rows.using(using).filter(user=found[0]).exists() for rows in (others, FormerLink.objects)):
        return None
    has_weight = getattr(found[0], "is_staff", False) or getattr(found[0], "is_superuser", False)
    return found[0] if found[0].is_active and not has_weight else None


def _is_same_address(left: str, right: str) -> bool:
    # CVE-2019-19844: a database folds more than mail does. To PostgreSQL, a dotless i in capitals is an I.
    return left == right or (left.isascii() and right.isascii() and left.lower() == right.lower())


def create_account(statement: Statement, attributes: Mapping[str, Any]) -> Any:
    """Create the Django user of a first link, with an unusable password. Saves it."""
    user: Any = get_user_model()()
    email = email_field(user)
    if email is None or email.name != user.USERNAME_FIELD:
        _give_username(user, statement)
    for name, value in attributes.items():
        put(user, name, value)
    # A first API token carries no email; if the model requires one, the next ID token replaces this.
    if email is not None and not getattr(user, email.name) and needs_its_own(user, email):
        setattr(user, email.name, f"{statement.sub}@{statement.user_pool_id}.invalid".lower())
    user.set_unusable_password()
    user.save()
    return user


def _give_username(user: Any, statement: Statement) -> None:
    """Set the username that the claims name; if it is taken, with a suffix of the `sub`: never another account's.

    The database decides what is taken: it may hold names for one that differ in case or accents.
    """
    name = user.normalize_username(statement.preferred_username or statement.username)
    longest = user._meta.get_field(user.USERNAME_FIELD).max_length
    suffix = f"-{statement.sub[:8]}"
    shortened = name if longest is None else name[: longest - len(suffix)]
    candidates = (name[:longest], shortened + suffix, statement.sub[:longest])
    if not any(take(user, user.USERNAME_FIELD, candidate) for candidate in candidates):
        # Other users may have taken all three: a user of a pool may choose any username.
        setattr(user, user.USERNAME_FIELD, str(uuid4())[:longest])
