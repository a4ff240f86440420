"""The same pairs of processes as in tests/unit/test_interleavings.py, on DynamoDB's adapters (moto)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from candle_collector.adapters.dynamodb.item_table import ItemTable

from tests.explore.interleavings import PAIRS, find_violations
from tests.explore.real_world import RealWorld, make_tables


@pytest.fixture(scope="module")
def table(aws: None) -> ItemTable:
    assert aws is None
    return ItemTable("runs")


@pytest.mark.parametrize("pair", PAIRS, ids=" | ".join)
def test_no_step_of_two_processes_breaks_a_promise(pair: tuple[str, str], table: ItemTable) -> None:
    def make(printed: Mapping[str, Iterable[int]], **exchange: Any) -> RealWorld:
        make_tables()
        return RealWorld(printed, table, **exchange)

    steps, found = find_violations(make, *pair)
    assert found == []
    assert steps > 0
