"""The requests of a site while Cognito is slow or down: the 99th percentile of those that need nothing from it.

A few logins are due for a refresh at that time. They get their page or 503; none may be signed out.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..loopback import Loopback
from ..rounds import compute_ratio
from ..site.server import GTHREAD, Server, use_sessions, use_tokens
from ..tokens import USERS, Scenario
from ..traffic import Request, Sample, Schedule, compute_p99, send_requests
from ..workspace import Figure, Goal, Row, Workspace, open_database

NEEDS: tuple[str, ...] = ("postgresql",)
_SITE = "outage-django-cognito"
_DELAY_SECONDS = 15
# A refresh that gets no response for 15 s, the pause of 5 s after it, and the beginning of the next refresh.
_PHASE_SECONDS = 24
_CLIENTS, _CLIENT_SECONDS = 8, 0.08  # 100 requests per second
_TABS, _TAB_SECONDS = 2, 0.5  # of each login that is due
_WAIT_SECONDS = 3.0  # so long other requests of a login wait for its refresh, then they get 503
_RECOVERY_SECONDS = 30
_NORMAL, _SLOW, _DOWN = "Cognito responds", f"Cognito responds after {_DELAY_SECONDS} s", "Cognito refuses connections"
_CROWD = f"{_SLOW}, 12 expired logins for 8 threads"

_DUE_NOTE = (
    f"{GTHREAD}; sessions and bearer tokens, 100 requests per second. One login with expired tokens and one whose"
    f" tokens expire soon are due for a refresh, with {_TABS} tabs each"
)
_THREADS_NOTE = (
    "A request that sends a refresh occupies a thread until Cognito responds, at most for `TOKEN_TIMEOUT_SECONDS`. At"
    " most `MAX_REFRESHES` requests of a process do so at a time"
)


@dataclass(frozen=True)
class _Phase:
    """What happens to Cognito, and how many logins have expired tokens, or tokens that expire soon."""

    name: str
    begin_outage: Callable[[Loopback], AbstractContextManager[None]]
    expired: int = 1
    expiring: int = 1

    @property
    def due(self) -> range:
        """The numbers of the users whose logins are due for a refresh."""
        return range(self.expired + self.expiring)


_PHASES = (
    _Phase(_NORMAL, lambda loopback: nullcontext()),
    _Phase(_SLOW, lambda loopback: loopback.respond_slowly(_DELAY_SECONDS)),
    _Phase(_DOWN, Loopback.refuse_connections),
    _Phase(_CROWD, lambda loopback: loopback.respond_slowly(_DELAY_SECONDS), expired=12),
)
_FIRST_OTHER_USER = max(len(phase.due) for phase in _PHASES)


@dataclass
class _Results:
    """The responses of one phase in all rounds."""

    p99: list[float] = field(default_factory=list)  # one value for each round, in milliseconds
    others: list[Sample] = field(default_factory=list)  # of requests that need nothing from Cognito
    rejected: list[Sample] = field(default_factory=list)  # 503 of requests that did not wait for Cognito
    waiting: list[Sample] = field(default_factory=list)  # of requests that waited for Cognito or for the one that did
    statuses: list[int] = field(default_factory=list)  # of all requests of logins that were due


class _Site:
    """The running site, and the logins of its users."""

    def __init__(self, server: Server, loopback: Loopback, scenario: Scenario, database: Any) -> None:
        self.port = int(urlsplit(server.url).port or 0)
        self.loopback = loopback
        self.pages = [Request(server.access.path, headers) for headers in server.access.read_headers()]
        tokens = use_tokens(scenario)
        self.api_requests = [Request(tokens.path, headers) for headers in tokens.read_headers()]
        self._database = database
        rows = database.execute("SELECT id FROM django_cognito_cognitologin ORDER BY created_at")
        self._logins = [row[0] for row in rows]

    def expire_logins(self, phase: _Phase) -> None:
        """Let the tokens of the first logins of `phase` expire now, and those of the others a few seconds after it."""
        for number in phase.due:
            seconds = -1 if number < phase.expired else _PHASE_SECONDS + 10  # within REFRESH_MARGIN_SECONDS
            self._database.execute(
                "UPDATE django_cognito_cognitologin SET expires_at = now() + make_interval(secs => %s) WHERE id = %s",
                (seconds, self._logins[number]),
            )

    def recover(self, users: Iterable[int]) -> list[int]:
        """Request the page of each user until it is not 503, at most for the pause after a refresh; return statuses."""
        deadline = time.perf_counter() + _RECOVERY_SECONDS
        statuses = []
        for number in users:
            while (status := self.pages[number].send(self.port)) == 503 and time.perf_counter() < deadline:
                time.sleep(0.2)
            statuses.append(status)
        return statuses

    def count_lost_logins(self) -> int:
        """Return how many logins or sessions are missing in the database, whichever are more."""
        logins = "SELECT count(*) FROM django_cognito_cognitologin WHERE ended_at IS NULL"
        counts = [self._database.execute(sql).fetchone()[0] for sql in (logins, "SELECT count(*) FROM django_session")]
        return USERS - int(min(counts))


def measure(workspace: Workspace) -> Figure:
    """Run all phases in each round, in a new random order, with one server, which was warmed up."""
    rounds = 1 if workspace.quick else 5
    workspace.set_steps(rounds * len(_PHASES))
    scenario = workspace.create_scenario(USERS, sign_ins=USERS)
    results = {phase.name: _Results() for phase in _PHASES}
    with workspace.start_services(scenario) as loopback, open_database(scenario) as database:
        access = use_sessions(scenario, _SITE, "/page/")
        with Server(GTHREAD, _SITE, scenario, access) as server:
            site = _Site(server, loopback, scenario, database)
            for request in 8 * site.api_requests:
                request.send(site.port)
            for _ in range(rounds):
                for phase in random.sample(_PHASES, len(_PHASES)):
                    _run_phase(phase, site, results[phase.name])
                    workspace.advance()
            final_statuses = site.recover(range(USERS))
            lost_logins = site.count_lost_logins()
    statuses = [status for result in results.values() for status in result.statuses] + final_statuses
    wrong_sign_outs = lost_logins + sum(status not in (200, 503) for status in statuses)
    return _create_figure(results, wrong_sign_outs)


def _run_phase(phase: _Phase, site: _Site, results: _Results) -> None:
    """Send the requests of all clients and of the logins that are due, and wait until these are refreshed."""
    site.expire_logins(phase)
    site.loopback.refreshes.clear()
    start = time.perf_counter() + 0.2
    end = start + _PHASE_SECONDS
    with ThreadPoolExecutor(_CLIENTS + _TABS * len(phase.due)) as pool:
        with phase.begin_outage(site.loopback):
            others: list[Future[list[Sample]]] = []
            tabs: list[tuple[int, Future[list[Sample]]]] = []
            for number in range(_CLIENTS):
                requests = site.pages[_FIRST_OTHER_USER:] if number % 2 else site.api_requests
                schedule = Schedule(start + number * _CLIENT_SECONDS / _CLIENTS, end, _CLIENT_SECONDS, True)
                others.append(pool.submit(send_requests, site.port, requests, schedule))
            for number in _TABS * list(phase.due):
                schedule = Schedule(start + len(tabs) * _TAB_SECONDS / _TABS / len(phase.due), end, _TAB_SECONDS, False)
                tabs.append((number, pool.submit(send_requests, site.port, [site.pages[number]], schedule)))
            time.sleep(max(end - time.perf_counter(), 0))
        refreshes = list(site.loopback.refreshes)
        samples = [sample for future in others for sample in future.result()]
        if failed := [sample.status for sample in samples if sample.status != 200]:
            raise AssertionError(f"{phase.name}: {len(failed)} requests that need nothing from Cognito got {failed[0]}")
        results.others += samples
        results.p99.append(compute_p99(samples))
        for number, future in tabs:
            times = [moment for user_number, moment in refreshes if user_number == number]
            _add_due_samples(results, future.result(), times)
    results.statuses += site.recover(phase.due)


def _add_due_samples(results: _Results, samples: list[Sample], refreshes: list[float]) -> None:
    """Add the responses of a login that was due, whose tokens were requested at the times `refreshes`."""
    for sample in samples:
        results.statuses.append(sample.status)
        if waits_for_refresh(sample, refreshes):
            results.waiting.append(sample)
        elif sample.status == 503:
            results.rejected.append(sample)


def waits_for_refresh(sample: Sample, refreshes: list[float]) -> bool:
    """Return whether the request sent one of the `refreshes` itself, or came when other requests wait for it."""
    return any(sample.started_at - _WAIT_SECONDS <= moment <= sample.ended_at for moment in refreshes)


def _create_figure(results: dict[str, _Results], wrong_sign_outs: int) -> Figure:
    times = {name: result.p99 for name, result in results.items()}
    rows = [
        Row(name, statistics.median(result.p99), "ms", compute_ratio(times, name, _NORMAL), _describe(result.others))
        for name, result in results.items()
    ]
    for name in (_SLOW, _DOWN):
        rejected = results[name].rejected
        rows.append(Row(f"503, {name}", compute_p99(rejected), "ms", note=_describe(rejected)))
    waiting = [sample.milliseconds / 1_000 for sample in results[_SLOW].waiting]
    rows.append(
        Row(
            "requests that wait for a refresh: the longest", max(waiting), "s", note=f"{len(waiting)} requests; {_SLOW}"
        )
    )
    goals = (
        Goal("p99 of requests that need nothing from Cognito, Cognito slow", rows[1].ratio or 0, 1.2),
        Goal("p99 of requests that need nothing from Cognito, Cognito down", rows[2].ratio or 0, 1.2),
        Goal("p99 of requests that need nothing from Cognito, more due logins than threads", rows[3].ratio or 0, 1.2),
        Goal("  wrong sign-outs", wrong_sign_outs, 0),
        Goal("  503 of a login that cannot be refreshed, p99", max(row.value for row in rows[4:6]), 50, "ms"),
    )
    return Figure(
        "Outage of Cognito: p99 of requests that need nothing from it", rows, goals, _NORMAL, (_DUE_NOTE, _THREADS_NOTE)
    )


def _describe(samples: list[Sample]) -> str:
    median = statistics.median(sample.milliseconds for sample in samples)
    return f"{len(samples):,} requests; median {median:.1f} ms"
