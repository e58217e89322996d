"""Synchronize the user pool in a thread, and store the progress."""

import logging
import threading
from dataclasses import asdict

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connections, transaction

from django_cognito.core.errors import CognitoError
from django_cognito.models import CognitoUser
from django_cognito.sync import SyncReport, sync_pool

from .models import SyncRun

logger = logging.getLogger(__name__)


def start_run(user: AbstractBaseUser) -> None:
    """Start a synchronization in a thread. A site with a task queue calls `execute_run` in a task instead."""
    run = SyncRun.objects.create(started_by=user)
    # After the commit: with ATOMIC_REQUESTS the thread would not see the row before it.
    transaction.on_commit(threading.Thread(target=execute_run, args=[run], daemon=True).start)


def execute_run(run: SyncRun) -> None:
    """Synchronize the pool, and store how the run ended.

    The process may be stopped at any moment: start a run again. `sync_pool` allows one run at a time, so a second one
    ends with the outcome "sync_running".
    """
    outcome = "failed"
    try:
        sync_pool(
            groups=True,
            create=True,
            requests_per_second=settings.FIELDNOTES_SYNC_RATE,
            on_progress=lambda report: _store_progress(run, report),
        )
        outcome = "done"
    except CognitoError as error:
        logger.warning("The synchronization %s ended: %s", run.pk, error)
        outcome = error.code
    finally:
        run.outcome = outcome
        run.save()
        connections.close_all()  # Django closes connections at the end of a request, not of a thread


def _store_progress(run: SyncRun, report: SyncReport) -> None:
    """Store the counts so far. `changed` includes users who were created."""
    created_users = CognitoUser.objects.filter(created_at__gte=run.started_at).count()
    run.created_users = min(created_users, report.changed)  # not those who signed in for the first time meanwhile
    run.report = asdict(report)
    run.save()
