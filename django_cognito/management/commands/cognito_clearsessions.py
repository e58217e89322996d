"""`manage.py cognito_clearsessions`: removes what has expired. Run it once a day."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_cognito.authorization.group_expiry import count_users_with_expired_groups, expire_all_remembered_groups
from django_cognito.sessions.ending import clean_up


class Command(BaseCommand):
    """End expired logins, revoke their refresh tokens, remove expired groups, and re-encrypt stored tokens."""

    help = (
        "End logins that no request has used for a long time or that have reached SESSION_IDLE_SECONDS or"
        " SESSION_MAX_SECONDS, and revoke their refresh tokens. Remove groups that no token confirmed for"
        " REMEMBERED_GROUPS_SECONDS, and what they granted. Encrypt tokens under SECRET_KEY that are under a key of"
        " SECRET_KEY_FALLBACKS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--older-than` and `--dry-run`."""
        parser.add_argument(
            "--older-than",
            type=_read_days,
            metavar="DAYS",
            help="end logins that no request has used for DAYS; by default 30, or SESSION_COOKIE_AGE if it is longer",
        )
        parser.add_argument("--dry-run", action="store_true", help="count only; change nothing and send no request")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do each step and print a summary. Raise CommandError if refresh tokens are left for the next run."""
        is_dry_run = options["dry_run"]
        days = options["older_than"]
        days = clean_up.get_default_unused_days() if days is None else days
        ended = clean_up.end_expired_logins(days, is_dry_run=is_dry_run)
        users = count_users_with_expired_groups() if is_dry_run else expire_all_remembered_groups()
        encrypted = clean_up.reencrypt_logins(is_dry_run=is_dry_run)
        if is_dry_run:
            pending = clean_up.count_ended_logins() + ended
            self.stdout.write(
                f"Would end {_count(ended, 'login')}, revoke {_count(pending, 'refresh token')}, remove expired groups"
                f" of {_count(users, 'user')}, re-encrypt {_count(encrypted, 'login')}."
            )
            return
        revocations = clean_up.revoke_ended_logins()
        self.stdout.write(
            f"Ended {_count(ended, 'login')}, revoked {_count(revocations.revoked, 'refresh token')}, removed expired"
            f" groups of {_count(users, 'user')}, re-encrypted {_count(encrypted, 'login')}."
        )
        if revocations.irrevocable:
            tokens = _count(revocations.irrevocable, "refresh token")
            self.stdout.write(f"{tokens} cannot be revoked: switch on token revocation of the app client.")
        if revocations.left:
            tokens = _count(revocations.left, "refresh token")
            raise CommandError(f"{tokens} could not be revoked. The next run retries.", returncode=1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _read_days(text: str) -> float:
    """Return the number of days. Raises ValueError if it is no positive number: 0 would end every login."""
    days = float(text)
    if not 0 < days < 100_000:
        raise ValueError(text)
    return days
