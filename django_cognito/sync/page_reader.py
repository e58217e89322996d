"""Read the pages of a listing in a thread of its own, one page ahead of the caller, at the pace of the run."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from ..core.clock import utc_now
from ..core.directory import DirectoryUser, UserPage, is_expired_token, is_throttled
from ..core.errors import CognitoError, CognitoUnavailableError
from .errors import SyncError
from .pace import Pace

_MAX_ATTEMPTS = 8  # of one request: about a minute and a half, with the pauses between them
_MAX_RESTARTS = 3  # of one listing
_SECONDS_BETWEEN_CALLS = 5
_PAGES_AT_ONCE = 5  # 300 users, whose rows are locked for about 50 ms

_T = TypeVar("_T")


class ListedPage(NamedTuple):
    """A page, when it was requested, and whether the listing begins with it: it may begin again."""

    users: list[DirectoryUser]
    moment: datetime
    is_first: bool


class PageReader:
    """Sends all requests of a run to the user pool. A context; at its end the thread is stopped.

    A request that was throttled or failed is repeated. A listing whose token has expired begins again. Raises
    CognitoError (`directory_refused`) or CognitoUnavailableError after that.
    """

    def __init__(self, pace: Pace) -> None:
        self.requests = self.throttled = self.restarts = 0
        self.while_waiting: Callable[[], None] = lambda: None  # called every few seconds; may raise
        self.pace = pace
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cognito-sync")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def send(self, request: Callable[[], _T]) -> _T:
        """Return the result of a request."""
        return self._wait_for(self._thread.submit(self._send, request))[1]

    def read_pages(self, read_page: Callable[[str], UserPage]) -> Iterator[ListedPage]:
        """Yield the pages of a listing; `read_page` gets the token of a page."""
        token, restarts, is_first = "", 0, True
        page = self._request(read_page, token)
        while True:
            try:
                moment, (users, next_token) = self._wait_for(page)
            except CognitoError as error:
                if not token or not is_expired_token(error) or restarts == _MAX_RESTARTS:
                    raise
                restarts += 1
                self.restarts += 1
                token, is_first = "", True
                page = self._request(read_page, token)
                continue
            if next_token:
                page = self._request(read_page, next_token)
            yield ListedPage(users, moment, is_first)
            if not next_token:
                return
            token, is_first = next_token, False

    def _wait_for(self, future: "Future[tuple[datetime, _T]]") -> tuple[datetime, _T]:
        while wait([future], _SECONDS_BETWEEN_CALLS).not_done:
            self.while_waiting()
        return future.result()

    def _request(self, read_page: Callable[[str], UserPage], token: str) -> "Future[tuple[datetime, UserPage]]":
        return self._thread.submit(self._send, lambda: read_page(token))

    def _send(self, request: Callable[[], _T]) -> tuple[datetime, _T]:
        """Return when the request was sent, and its result; repeat it while Cognito cannot answer."""
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            self.pace.wait()
            moment = utc_now()
            self.requests += 1
            try:
                result = request()
            except CognitoUnavailableError as error:
                if is_throttled(error):
                    self.throttled += 1
                    self.pace.report_throttled()
                else:
                    self.pace.report_failure()
                if attempt == _MAX_ATTEMPTS:
                    raise
            else:
                self.pace.report_success()
                return moment, result
        raise AssertionError("unreachable")


def collect_pages(pages: Iterator[ListedPage]) -> Iterator[list[ListedPage]]:
    """Yield the pages to write at once: one, which shows early whether the run works, then two, up to _PAGES_AT_ONCE.

    Pages that were read before an error of Cognito are yielded before it is raised.
    """
    size, collected = 1, list[ListedPage]()
    error = None
    try:
        for page in pages:
            collected = [page] if page.is_first else [*collected, page]
            if len(collected) == size:
                yield collected
                size, collected = min(size + 1, _PAGES_AT_ONCE), []
    except SyncError:
        raise
    except CognitoError as raised:
        error = raised
    if collected:
        yield collected
    if error is not None:
        raise error
