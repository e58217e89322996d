"""A fork while another thread constructs what all requests share (FI-23)."""

import os
import threading
from typing import Any

import pytest
from django.utils.functional import SimpleLazyObject

from django_cognito import factories
from tests.support.forking import in_a_child
from tests.support.scenarios.login import Gate
from tests.support.scenarios.user_pool import HANG_SECONDS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fi_23_child_forked_during_a_secret_read_reads_it_itself(settings: Any) -> None:
    """The secret may come from a slow service; a lock is held during the read."""
    gate = Gate()
    factories.discard_instances()
    parent = threading.get_ident()

    def read_secret() -> str:
        if threading.get_ident() != parent:  # in the reader; a forked child is a copy of this thread
            gate()
        return "the secret"

    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": SimpleLazyObject(read_secret)}
    reader = threading.Thread(target=lambda: factories.get_hosted_ui()._secret.read(), daemon=True)
    reader.start()
    try:
        assert gate.requested.wait(HANG_SECONDS)
        pools, secret = in_a_child(
            lambda: [
                [pool.user_pool_id for pool in factories.get_verifier().pools],
                factories.get_hosted_ui()._secret.read(),
            ]
        )
    finally:
        gate.opened.set()
        reader.join(HANG_SECONDS)
        factories.discard_instances()
    assert (pools, secret) == ([settings.COGNITO["USER_POOL_ID"]], "the secret")
