"""`UserAdapter`: the code of a site that decides about its Django users, and the calls of its methods.

Called inside the transaction of `provisioning`. Must not write users, except to lock an account that is to be linked.
"""

import logging
import re
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.utils.module_loading import import_string

from ...conf.schema import CognitoSettings
from ...core.errors import CognitoError, TokenError
from ...factories import cached_instance
from ...models import CognitoUser, FormerLink
from ..attributes.claim_sources import IdentityClaims
from .local_accounts import find_account_by_email
from .service_users import is_service_user
from .unlinking import lock_links

_SLUG = re.compile(r"[a-z][a-z0-9_]{0,49}", re.ASCII)

logger = logging.getLogger(__name__)


class UserRefusedError(TokenError):
    """A `UserAdapter` refuses the user: 401 for an API request, the error page for a sign-in.

    `slug` is a lower-case name such as "no_tenant". The code is then "site.no_tenant", never a code of this package.
    `sentence` and `remedy` are shown to the client: use fixed texts without claims. They may be lazy translations.
    """

    def __init__(self, slug: str, sentence: Any, remedy: Any = "") -> None:
        if not _SLUG.fullmatch(slug):
            raise ValueError(f"expected a slug of at most 50 characters such as 'no_tenant', found {slug!r}")
        super().__init__("the USER_ADAPTER refused the user", code=f"site.{slug}")
        self.sentence = sentence
        self.remedy = remedy


class UserAdapter:
    """The decisions about the Django users of one user pool. Subclass it, and name the subclass in USER_ADAPTER.

    Each method has the default behaviour. `identity` describes the Cognito user: `user_pool_id`, `sub`, `username`,
    `verified_email` (empty unless Cognito verified the address), and `claims`, a dict of all claims of the verified
    tokens. An access token has no profile: a claim may be missing on the first request.

    The methods run synchronously, inside the transaction that writes the user; `after_sync` also under the lock of the
    user's row. Do no network I/O and store nothing on the adapter: it is shared by all threads. After a conflict with
    another transaction a method is called again, so change nothing outside the database. If a method raises, the
    transaction is rolled back. Raise `UserRefusedError` to reject the user.
    """

    # The claims that the methods read besides those of ATTRIBUTES: `after_sync` is called if one of them changes.
    claims: tuple[str, ...] = ()
    # Whether `find_user` may return staff and superusers. They are refused otherwise.
    may_link_staff = False

    def __init__(self, settings: CognitoSettings) -> None:
        self.settings = settings  # of the user pool, for example `self.settings.user_pool_id`

    def may_create_user(self, identity: IdentityClaims) -> bool:
        """Return whether a Django user is created for this Cognito user: the setting CREATE_USERS."""
        return self.settings.create_users

    def find_user(self, identity: IdentityClaims) -> Any | None:
        """Return the existing user to link on the first token; None if there is none: the account with this email.

        That is the one account with the same verified email, if LINK_BY_VERIFIED_EMAIL is on.

        The Cognito user gets the whole account, so compare only values that the Cognito user cannot choose. Cognito
        users can sign up by themselves, choose their username and unverified email, and write every attribute that the
        app client may write. Safe: `identity.sub`, `identity.verified_email`, and an attribute that only an identity
        provider or an administrator writes. Compare exactly: databases treat some different characters as equal
        (CVE-2019-19844), and an empty or missing claim must match no user.

        The result is locked and checked again, and the sign-in is refused (nothing is created) if the user is inactive,
        is staff or a superuser (unless `may_link_staff`), is a service user (SERVICE_USERS), or has or had a link in
        this user pool. The local password becomes unusable, unless LINKING_KEEPS_PASSWORD is on.
        """
        return find_account_by_email(identity, self.settings)

    def fill_user(self, user: Any, identity: IdentityClaims) -> None:
        """Set further fields of a new user before it is saved, such as required ones. Does nothing by default.

        Username and the fields of ATTRIBUTES are set; the password becomes unusable afterwards. `user` has no primary
        key yet, and is saved after this method.
        """

    def after_sync(self, user: Any, identity: IdentityClaims, *, is_new: bool) -> None:
        """Use the user after fields, groups and flags were set. Does nothing by default.

        Called for a new or newly linked user, and if the groups, a claim of ATTRIBUTES or one of `claims` has changed;
        not on requests that change nothing. Fields that this method sets on `user` are saved.
        """

    def build_refusal(self, identity: IdentityClaims) -> TokenError:
        """Return the error for a user who may not be created: code "user_unknown"."""
        return TokenError("no user of this site is linked to this token, and none may be created", code="user_unknown")


def get_adapter(settings: CognitoSettings) -> UserAdapter:
    """Return the adapter of a user pool. Raises ImproperlyConfigured if USER_ADAPTER is no subclass of UserAdapter."""
    return cached_instance(_create_adapter, settings)


def _create_adapter(settings: CognitoSettings) -> UserAdapter:
    adapter = import_string(settings.user_adapter) if settings.user_adapter else UserAdapter
    if not isinstance(adapter, type) or not issubclass(adapter, UserAdapter):
        message = f"COGNITO['USER_ADAPTER'] names {settings.user_adapter!r}; expected a subclass of UserAdapter."
        raise ImproperlyConfigured(message)
    return adapter(settings)


def may_link_accounts(settings: CognitoSettings) -> bool:
    """Return whether a first token may get an existing account: LINK_BY_VERIFIED_EMAIL, or `find_user` of the site."""
    return settings.link_by_verified_email or _has_own_find_user(get_adapter(settings))


def _has_own_find_user(adapter: UserAdapter) -> bool:
    """Return whether the site determines the account. The default method locks and checks the account itself."""
    return type(adapter).find_user is not UserAdapter.find_user


def call_adapter(method: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Return the result of an adapter's method. An exception that is no refusal is logged with the method's name."""
    try:
        return method(*arguments, **keywords)
    except CognitoError:
        raise
    except Exception as error:
        # Only the type: the message of an error may contain claims.
        logger.error("%s of USER_ADAPTER raised %s", method.__qualname__, type(error).__name__)  # noqa: TRY400
        raise


def find_account(identity: IdentityClaims, settings: CognitoSettings) -> Any | None:
    """Return the existing account of a first token, locked; None if a user is to be created.

    Raises TokenError if there is no account and none may be created, or if the adapter's account cannot be linked.
    """
    adapter = get_adapter(settings)
    account = call_adapter(adapter.find_user, identity)
    if account is None:
        if not call_adapter(adapter.may_create_user, identity):
            raise call_adapter(adapter.build_refusal, identity)
        return None
    if _has_own_find_user(adapter):
        account = _lock_account(account, identity, adapter)
    if not settings.linking_keeps_password:
        # The account may have been created by another user, who has its password. This ends their sessions
        # too: a session contains a hash of the password.
        account.set_unusable_password()
        account.save()
    return account


def _lock_account(account: Any, identity: IdentityClaims, adapter: UserAdapter) -> Any:
    """Return the row of the adapter's account, locked, as it is now.

    Raises TokenError: code "user_inactive" for a disabled account, "account_not_linkable" for others that are excluded.
    """
    if not isinstance(account, get_user_model()):
        raise TypeError(f"find_user of USER_ADAPTER must return a user or None, not {type(account).__name__}")
    using = router.db_for_write(CognitoUser)
    _, user = lock_links(account.pk, using)
    # Read again, with a lock: another transaction may have linked the account before its row was locked. A link of the
    # same Cognito user is of a parallel request: the insert fails, and the link is read.
    others = CognitoUser.objects.exclude(sub=identity.sub)
    rows = [rows.using(using).select_for_update().filter(user_id=account.pk) for rows in (others, FormerLink.objects)]
    had_link = any([*row.filter(user_pool_id=identity.user_pool_id).values_list("pk")] for row in rows)
    is_privileged = getattr(user, "is_staff", False) or getattr(user, "is_superuser", False)
    is_excluded = user is None or had_link or is_service_user(user)
    if is_excluded or (is_privileged and not adapter.may_link_staff):
        others_reason = "is a service user, has or had a link in this user pool, or was deleted"
        reason = "is staff" if is_privileged else others_reason
        logger.warning("the account that find_user of USER_ADAPTER returned was not linked: it %s", reason)
        raise TokenError("the account for this user cannot be linked", code="account_not_linkable")
    if not user.is_active:
        raise TokenError("the account is disabled on this site", code="user_inactive")
    return user
