"""Assertions on the errors that AWS clients raise."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError


@contextmanager
def raises_client_error(code: str, message: str = "") -> Iterator[None]:
    """Assert that the body raises ClientError with this code and, if the error has a message, with `message`."""
    with pytest.raises(ClientError) as raised:
        yield
    error = raised.value.response["Error"]
    assert error["Code"] == code, error
    assert message in (error["Message"], ""), error
