"""A fork while another thread makes what all requests share (FI-23)."""

import os
import threading
from typing import Any

import pytest
from django.utils.functional import SimpleLazyObject

from django_cognito import runtime
from tests.core.faults.scene import HANG_SECONDS
from tests.core.faults.test_at_once import in_a_child
from tests.login_scene import Gate


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fi_23_a_child_forked_while_a_lazy_secret_is_read_makes_its_own(settings: Any) -> None:
    """The secret of a site may come from a service that takes its time; the lock is held meanwhile."""
    gate = Gate()
    runtime.reset()
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": SimpleLazyObject(lambda: gate() or "the secret")}
    reader = threading.Thread(target=runtime.get_hosted_ui, daemon=True)
    reader.start()
    try:
        assert gate.asked.wait(HANG_SECONDS)
        pools = in_a_child(lambda: [pool.user_pool_id for pool in runtime.get_verifier().pools])
    finally:
        gate.opened.set()
        reader.join(HANG_SECONDS)
        runtime.reset()
    assert pools == [settings.COGNITO["USER_POOL_ID"]]
