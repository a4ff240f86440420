"""The same pairs of processes as in tests/unit/test_interleavings.py, on the adapters of DynamoDB (moto) and SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from candle_collector.adapters.dynamodb.item_table import ItemTable

from tests.explore.interleavings import PAIRS, find_violations
from tests.explore.real_world import RealWorld, make_tables
from tests.explore.sql_world import SearchedDatabase, SqlWorld
from tests.fakes.world import World

Make = Callable[..., World]


@pytest.fixture(scope="module")
def dynamodb(aws: None) -> Make:
    assert aws is None
    table = ItemTable("runs")

    def make(printed: Mapping[str, Iterable[int]], **exchange: Any) -> World:
        make_tables()
        return RealWorld(printed, table, **exchange)

    return make


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    database = SearchedDatabase(tmp_path_factory.mktemp("interleaved"))

    def make(printed: Mapping[str, Iterable[int]], **exchange: Any) -> World:
        database.empty()
        return SqlWorld(printed, database, **exchange)

    yield make
    database.close()


@pytest.mark.parametrize("kind", ["dynamodb", "sql"])
@pytest.mark.parametrize("pair", PAIRS, ids=" | ".join)
def test_no_step_of_two_processes_breaks_a_promise(
    pair: tuple[str, str], kind: str, request: pytest.FixtureRequest
) -> None:
    steps, found = find_violations(request.getfixturevalue(kind), *pair)
    assert found == []
    assert steps > 0
