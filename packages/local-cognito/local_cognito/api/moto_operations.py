"""The user pool operations that moto implements, run on the pools of one local Cognito."""

from typing import cast

from flask import Response
from moto.cognitoidp.models import CognitoIdpBackend, RegionAgnosticBackend
from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core.request import Request
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores, get_service_model

from ..accounts.pools import Pools

OPERATION_NAMES = frozenset(get_service_model("cognito-idp").operation_names)


class MotoOperations(CognitoIdpResponse):
    """One request to one of moto's operations. `region` is the region of the pool, if the request names one."""

    def __init__(self, pools: Pools, region: str | None) -> None:
        super().__init__()
        self._pools = pools
        self._pool_region = region

    def answer(self, request: Request) -> Response:
        """Return moto's response as Flask's."""
        self.setup_class(request)
        status, headers, body = self.call_action()
        forwarded = {name: value for name, value in headers.items() if name.lower() not in ("status", "server")}
        return Response(body, status, forwarded, content_type="application/x-amz-json-1.1")

    @property
    def backend(self) -> CognitoIdpBackend:
        """The local pools of the region, instead of moto's global ones."""
        return self._pools.backend(self._pool_region or self.region)

    def _get_region_agnostic_backend(self) -> RegionAgnosticBackend:
        # moto searches all its global backends. The local backend of the region has the same methods.
        return cast("RegionAgnosticBackend", self.backend)

    def get_user(self) -> ActionResult:
        """Return the user of the access token. moto's own operation rejects users of identity providers."""
        raw = self._get_param("AccessToken")
        pool = next(pool for pool in self._pools if raw in pool.access_tokens)
        user = pool.users[pool.access_tokens[raw][1]]
        return ActionResult(user.to_json(extended=True, attributes_key="UserAttributes"))


def is_implemented(operation: str) -> bool:
    """Return whether moto implements the AWS operation."""
    return operation in OPERATION_NAMES and hasattr(MotoOperations, camelcase_to_underscores(operation))
