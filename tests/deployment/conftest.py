"""A local stack that may be destroyed."""

from tests.e2e.conftest import stack

__all__ = ["stack"]
