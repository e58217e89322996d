"""One module for each figure. Each has `NEEDS`, the required parts of the machine, and `measure(workspace)`."""

from types import ModuleType

from . import (
    api_request,
    cached_token,
    datasets,
    directory_pages,
    has_perm,
    key_fetches,
    memory,
    new_token,
    outage,
    rejected_tokens,
    revocation,
    servers,
    session_page,
    start,
)

FIGURES: dict[str, ModuleType] = {
    "new-token": new_token,
    "cached-token": cached_token,
    "api-request": api_request,
    "session-page": session_page,
    "has-perm": has_perm,
    "rejected-tokens": rejected_tokens,
    "key-fetches": key_fetches,
    "servers": servers,
    "directory-pages": directory_pages,
    "outage": outage,
    "revocation": revocation,
    "memory": memory,
    "start": start,
    "datasets": datasets,
}
