"""One module a figure: `NEEDS`, the parts of the machine that it cannot do without, and `measure(stage)`."""

from types import ModuleType

from . import api_request, fetches, has_perm, known_token, memory, new_token, refusals, servers

FIGURES: dict[str, ModuleType] = {
    "new-token": new_token,
    "known-token": known_token,
    "api-request": api_request,
    "has-perm": has_perm,
    "refusals": refusals,
    "fetches": fetches,
    "servers": servers,
    "memory": memory,
}
