"""The index page: pools, app clients, users with passwords, messages and rejected requests. AWS has no such page.

It shows passwords: `web_origins` must check the Host header of every request, and it must not have CORS headers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from flask import Blueprint, Response

from ..accounts.clients import AppClient
from ..accounts.totp import STEP_SECONDS
from ..accounts.users import User
from ..user_pool_service import UserPoolService
from .page import format_time, render_page
from .rejections import Rejections

# The passwords of the seed by pool id and `sub`. The passwords of other users are not shown: users chose them.
SeedPasswords = Mapping[tuple[str, str], str]

# A test may create thousands of users.
_USERS_MOST = 200
_MESSAGES_MOST = 10


@dataclass(frozen=True)
class _UserEntry:
    user: User
    password: str = field(repr=False)
    totp_code: str = field(repr=False)


@dataclass(frozen=True)
class _PoolEntry:
    id: str
    name: str
    issuer: str
    clients: tuple[AppClient, ...]
    users: tuple[_UserEntry, ...]
    user_count: int


def add_index(
    blueprint: Blueprint, service: UserPoolService, rejections: Rejections, seed_passwords: SeedPasswords
) -> None:
    """Add the index page to `blueprint`."""

    def show() -> Response:
        with service.lock:
            pools = [_pool_entry(service, pool_id, seed_passwords) for pool_id in service.pool_ids()]
        messages = service.mailbox.messages()
        return render_page(
            "index.html",
            pools=pools,
            messages=[(message, format_time(message.sent_at)) for message in messages[:_MESSAGES_MOST]],
            message_count=len(messages),
            rejections=[(rejection, format_time(rejection.rejected_at)) for rejection in rejections.recent()],
            code_seconds=STEP_SECONDS - int(service.now()) % STEP_SECONDS,
            url=service.origin,
        )

    # OPTIONS belongs to the API, whose CORS headers would let other pages read the passwords.
    blueprint.add_url_rule("/", endpoint="index", view_func=show, provide_automatic_options=False)


def _pool_entry(service: UserPoolService, pool_id: str, seed_passwords: SeedPasswords) -> _PoolEntry:
    pool = service.pools.get(pool_id)
    users = islice(service.pools.users(pool_id), _USERS_MOST)
    return _PoolEntry(
        id=pool_id,
        name=pool.name,
        issuer=service.issuer(pool_id),
        clients=tuple(client for client in service.clients() if client.pool_id == pool_id),
        users=tuple(_user_entry(service, user, seed_passwords) for user in users),
        user_count=len(pool.users),
    )


def _user_entry(service: UserPoolService, user: User, seed_passwords: SeedPasswords) -> _UserEntry:
    password = seed_passwords.get((user.pool_id, user.sub), "")
    is_current = password == service.password_of(user)
    return _UserEntry(user, password if is_current else "", service.totp.current_code(user) if user.has_totp else "")
