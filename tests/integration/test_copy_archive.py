"""An archive is copied between DynamoDB, SQLite and PostgreSQL, each into each, with equal digests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.bootstrap import Container, SqlContainer
from candle_collector.collecting.copy_archive import copy_series, copy_universes
from candle_collector.collecting.import_candles import ImportPorts, importing
from candle_collector.domain.coverage import Settlement
from candle_collector.domain.windows import Window
from candle_collector.settings import Settings

from tests.fakes.exchange import synthetic_candle
from tests.hourly import blocks_in, first_hour_of, hourly, year_window
from tests.integration.databases import empty

START = first_hour_of("2024-11-20")
HOURS = range(START, START + 400)
OUTAGE = Window(START + 100, START + 133)
NOW = START + 5000
SYMBOLS = ("BTCUSDT", "\u5e01USDT")
KINDS = ("dynamodb", "sqlite", "postgresql")


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory, new_postgres_url: str) -> Iterator[dict[str, SqlContainer]]:
    """Give an archive in a database of each kind."""
    file = tmp_path_factory.mktemp("copy") / "candles.db"
    urls = {"sqlite": f"sqlite:///{file}", "postgresql": new_postgres_url}
    made = {name: SqlContainer(Settings({"DATABASE_URL": url})) for name, url in urls.items()}
    yield made
    for container in made.values():
        container.database.close()


@pytest.fixture
def archives(tables: None, databases: dict[str, SqlContainer]) -> dict[str, Container]:
    """Give an empty archive of each kind."""
    assert tables is None
    for container in databases.values():
        empty(container.database)
    runs = ItemTable("runs")
    tables_of_aws = Container(Settings({}), runs_items=runs, candles=CandlesTable("candles", client=runs.client))
    return {"dynamodb": tables_of_aws, **databases}


def fill(archive: Container, symbols: Sequence[str] = SYMBOLS) -> None:
    for symbol in symbols:
        candles = [synthetic_candle(symbol, hour) for hour in HOURS if hour not in range(*OUTAGE)]
        candles[3] = candles[3]._replace(volume="0.00000001", close="123456789012345.12345678", offset_ms=1_694_789)
        absent = blocks_in((Window(HOURS.start, HOURS.stop),)) - blocks_in((OUTAGE,))
        archive.candles.store(hourly(symbol), candles, (OUTAGE,), absent_blocks=absent)
        years = Window(year_window(2024).start, year_window(2025).end)
        proof = Settlement((), Window(START - 99, START), Window(HOURS.stop, HOURS.stop + 50))
        stored = archive.candles.coverage(hourly(symbol), years).stored
        archive.series.put(archive.series.get(hourly(symbol)).updated(stored, years, proof))
    archive.universes.put("2024-12-24", "USDT", [{"symbol": SYMBOLS[1], "quote_volume": "1.50"}], run_id="RUN")


def copy(source: Container, target: Container) -> list[tuple[int, int, bool]]:
    ports = ImportPorts(BINANCE, target.candles, target.series, target.leases, target.clock)
    with importing(ports) as lease:
        copied = [copy_series(hourly(symbol), source, ports, lease, closed_end=NOW) for symbol in SYMBOLS]
    copy_universes(source.universes, target.universes, name="copied")
    return [(item.source.candles, item.imported.stored, item.is_equal) for item in copied]


@pytest.mark.parametrize(("source", "target"), list(permutations(KINDS, 2)))
def test_each_is_copied_into_each(source: str, target: str, archives: dict[str, Container]) -> None:
    fill(archives[source])
    assert copy(archives[source], archives[target]) == [(367, 367, True)] * 2
    for symbol in SYMBOLS:
        assert archives[target].series.get(hourly(symbol)) == archives[source].series.get(hourly(symbol))
        within = Window(HOURS.start - 100, HOURS.stop + 100)
        read = [archives[name].candles.candles(hourly(symbol), within, limit=2000) for name in (source, target)]
        assert read[0] == read[1]
        known = [archives[name].candles.coverage(hourly(symbol), within).never_printed for name in (source, target)]
        assert known[0] == known[1] == (OUTAGE,)
    assert archives[target].universes.get("2024-12-24") == archives[source].universes.get("2024-12-24")
    assert copy(archives[source], archives[target]) == [(367, 0, True)] * 2
