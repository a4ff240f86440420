"""The tables of the searches, on moto."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.explore import quick_moto
from tests.integration.conftest import aws, tables

__all__ = ["aws", "tables"]


@pytest.fixture(autouse=True, scope="package")
def _quick_moto() -> Iterator[None]:
    known = gc.get_threshold()
    gc.set_threshold(
        100_000, 50, 50
    )  # what moto makes for a call is gone after it; looking for circles is 5 % (measured)
    with pytest.MonkeyPatch.context() as patch:
        quick_moto.install(patch)
        yield
    gc.set_threshold(*known)
