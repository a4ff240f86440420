"""A local stack that may be destroyed."""

import pytest

from tests.e2e.conftest import stack
from tests.e2e.runtimes import LOCAL_AWS

__all__ = ["stack"]


@pytest.fixture(scope="session")
def runtime() -> str:
    """Return what is deployed here: the template on the local AWS."""
    return LOCAL_AWS
