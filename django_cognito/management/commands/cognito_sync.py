"""`manage.py cognito_sync`: brings the Django users of a whole user pool up to date."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_cognito.core.errors import CognitoError
from django_cognito.sync import SyncReport, sync_pool
from django_cognito.sync.pace import DEFAULT_REQUESTS_PER_SECOND
from django_cognito.sync.whole_pool import DEFAULT_MAX_MISSING_PERCENT

# Of sysexits.h: another run holds the pool, and a later one may succeed.
_EX_TEMPFAIL = 75
_RETURN_CODES = {"sync_running": _EX_TEMPFAIL, "sync_refused": 2, "directory_refused": 2, "sync_stopped": 3}
_SECONDS_BETWEEN_LINES = 10


class Command(BaseCommand):
    """Synchronize one user pool, with the progress on stderr. Exit codes: 0 done, 1 failed, 2 refused, 3 stopped."""

    help = (
        "Bring the Django users of a user pool up to date with it: attributes, and whether users are disabled. One run"
        " at a time; it may be stopped and started again at any moment. Exit codes: 0 done, 1 failed, 2 refused,"
        " 3 stopped, 75 another run has not ended."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument("--pool", metavar="ALIAS", help="the alias of POOLS; by default the first pool")
        parser.add_argument("--groups", action="store_true", help="read the groups too, of GROUPS or all to mirror")
        parser.add_argument("--create", action="store_true", help="create Django users for users who have none")
        parser.add_argument(
            "--deactivate-missing",
            action="store_true",
            help="record the users who were deleted in Cognito: their tokens are rejected, and user_gone is sent",
        )
        parser.add_argument("--dry-run", action="store_true", help="count only; change nothing")
        parser.add_argument("--json", action="store_true", help="print the counts as JSON on stdout")
        parser.add_argument(
            "--requests-per-second",
            type=_read_positive,
            default=DEFAULT_REQUESTS_PER_SECOND,
            metavar="R",
            help="at most R requests a second, by default %(default)g: a third of the quota of the account and region",
        )
        parser.add_argument(
            "--max-changes", type=int, metavar="N", help="stop before more than N users would be changed or created"
        )
        parser.add_argument(
            "--max-missing",
            type=_read_positive,
            default=DEFAULT_MAX_MISSING_PERCENT,
            metavar="PERCENT",
            help="with --deactivate-missing: deactivate no user if more are missing, by default %(default)g %%",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, and print a summary. Raise CommandError with the exit code if the run ends early."""
        progress = _Progress(self)
        report = progress.report
        try:
            with _stop_by_signal() as stop, progress:
                report = sync_pool(
                    options["pool"],
                    groups=options["groups"],
                    create=options["create"],
                    deactivate_missing=options["deactivate_missing"],
                    dry_run=options["dry_run"],
                    requests_per_second=options["requests_per_second"],
                    max_changes=options["max_changes"],
                    max_missing_percent=options["max_missing"],
                    on_progress=progress.show,
                    stop=stop,
                )
        except ImproperlyConfigured as error:  # no such alias, or without the extra `aws`
            raise CommandError(str(error), returncode=2) from error
        except CognitoError as error:
            self._print_summary(progress.report, options)
            code = _RETURN_CODES.get(error.code, 1)
            raise CommandError(f"{error.code}: {error}", returncode=code) from error
        self._print_summary(report, options)

    def _print_summary(self, report: SyncReport, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(report), "dry_run": options["dry_run"]}))
            return
        verb = "Would change" if options["dry_run"] else "Changed"
        parts = [f"{verb} {report.changed} of {report.users} users", f"{report.requests} requests"]
        if report.disabled:
            parts.append(f"{report.disabled} disabled or enabled")
        if options["deactivate_missing"]:
            parts.append(f"{report.missing} missing, {report.deletions} deleted in Cognito")
        if report.throttled:
            parts.append(f"throttled {report.throttled} times")
        self.stdout.write("; ".join(parts) + ".")


class _Progress:
    """Shows the progress of a run on stderr: a bar of `rich` on a terminal, otherwise a line every ten seconds."""

    def __init__(self, command: BaseCommand) -> None:
        self.report = SyncReport()
        self._command = command
        self._bar: Any = None
        self._task: Any = None
        self._next_line_at = time.monotonic() + _SECONDS_BETWEEN_LINES

    def __enter__(self) -> None:
        if not self._command.stderr.isatty():
            return
        try:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        except ModuleNotFoundError:  # the extra `sync` is not installed
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("", total=None)
        self._bar.start()

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, report: SyncReport) -> None:
        """Show the counts of a run."""
        self.report = report
        text = f"{report.phase}: {report.users} users, {report.changed} changed, {report.requests_per_second:.1f}/s"
        if report.throttled:
            text += f", throttled {report.throttled} times"
        if self._bar is not None:
            total = report.estimated_users
            self._bar.update(self._task, description=text, total=total, completed=min(report.users, total or 0))
        elif time.monotonic() >= self._next_line_at:
            self._next_line_at = time.monotonic() + _SECONDS_BETWEEN_LINES
            self._command.stderr.write(text)


@contextmanager
def _stop_by_signal() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set: the run ends after the current transaction."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # Python handles signals in that thread alone
        yield stop
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read_positive(text: str) -> float:
    """Return a number. Raises ValueError if it is not positive."""
    number = float(text)
    if not number > 0:
        raise ValueError(text)
    return number
