"""The tables of the searches, on moto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.explore import quick_moto
from tests.integration.conftest import aws, tables

__all__ = ["aws", "tables"]


@pytest.fixture(autouse=True, scope="package")
def _quick_moto() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        quick_moto.install(patch)
        yield
