"""A second market is another description and another adapter: nothing that collects knows more of Binance than that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from candle_collector.adapters.binance.client import Binance
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain.interval import HOUR, HOUR_MS, Interval, ms_of
from candle_collector.domain.market import FIAT, STABLECOIN, Market, RequestWeights
from candle_collector.domain.plan import RECENT_CANDLES
from candle_collector.domain.rate_limit import Reservation
from candle_collector.domain.run import Outcome
from candle_collector.domain.series import Series
from candle_collector.domain.universe import Listing
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.domain.windows import Window
from candle_collector.errors import InvalidRequestError
from candle_collector.settings import Settings

from tests.fakes.world import World
from tests.hourly import first_hour_of, ms_of_hour

PACKAGE = Path(__file__).parents[2] / "layers/common/src/candle_collector"

OTHER = Market(
    name="other",
    intervals=(Interval.MINUTES_5, Interval.HOUR),
    rows_most=500,
    weights=RequestWeights(candles=7, listings=11, volumes=13),
    limit=WeightLimit(weight=1000, seconds=20),
    earliest_ms=ms_of(datetime(2019, 1, 1, tzinfo=UTC)),
    young_ms=3 * HOUR_MS,
    pegged_assets={"EUR": FIAT, "EURC": STABLECOIN},
    leveraged_suffixes=("3L", "3S"),
    listed_days={},
)
NOW = first_hour_of("2025-06-01") + 12
START = first_hour_of("2025-01-01")
END = START + 3 * 498  # no span may end at midnight before the rows are used up
SYMBOL = "BTC-EUR"
LISTINGS = (
    Listing(SYMBOL, "BTC", "EUR", "TRADING"),
    Listing("EURC-EUR", "EURC", "EUR", "TRADING"),
    Listing("BTC3L-EUR", "BTC3L", "EUR", "TRADING"),
    Listing("BTCUP-EUR", "BTCUP", "EUR", "TRADING"),
)


def world(printed: frozenset[int] | None = None, market: Market = OTHER) -> World:
    hours = frozenset(range(START - 100, NOW + 1)) if printed is None else printed
    system = World({listing.symbol: hours for listing in LISTINGS}, market=market, listings=LISTINGS)
    system.defaults = replace(
        system.defaults, quote_assets=("EUR",), excluded=frozenset(market.pegged_assets), collection_start=0
    )
    return system


def test_runs_and_dry_runs_keep_to_the_rows_and_the_weights_of_the_market() -> None:
    system = world()
    request = RunRequest("backward", ms_of_hour(START), ms_of_hour(END), symbols=(SYMBOL,))
    plan = plan_run(request, system.defaults, system.run_ports(), system.candles)
    assert (plan.requests, plan.weight) == (3, 3 * 7 + 11)
    system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert [request.limit for request in system.exchange.requested] == [498, 500, 500]
    series = Series(SYMBOL, HOUR, "other")
    assert system.candles.coverage(series, Window(START, END)).stored == (Window(START, END),)
    assert {series for series, _ in system.candles.lines} == {series}


def test_no_more_rows_are_asked_for_than_an_answer_has_where_wrong_ones_take_some_of_them() -> None:
    system = world()
    system.exchange.wrong_rows = {SYMBOL: dict.fromkeys(range(START + 5, START + 10), "a price is zero")}
    system.collect(start=START, end=START + 10, symbols=(SYMBOL,))
    system.exchange.requested.clear()
    system.collect(start=START + 10, end=START + 10 + 498, symbols=(SYMBOL,))
    assert [(request.start - START, request.limit) for request in system.exchange.requested] == [(3, 500), (501, 7)]
    assert system.candles.slots(Series(SYMBOL, HOUR, "other")) == (
        Window(START, START + 5),
        Window(START + 10, START + 10 + 498),
    )


def test_a_smaller_batch_is_still_the_deployments_to_choose() -> None:
    system = world()
    system.defaults = replace(system.defaults, batch_size=100)
    system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert len(system.exchange.requested) == -(-(END - START) // 100)
    assert max(request.limit for request in system.exchange.requested) == 102


def test_a_verification_compares_in_windows_of_the_markets_rows() -> None:
    system = world()
    system.collect(start=START, end=END, symbols=(SYMBOL,))
    system.exchange.requested.clear()
    plan = plan_run(RunRequest("verify"), system.defaults, system.run_ports(), system.candles)
    system.collect("verify")
    assert len(system.exchange.requested) == plan.requests == 3


def test_the_budget_is_the_share_of_the_markets_limit_and_is_used_by_its_weights() -> None:
    reserved: list[tuple[int, int, int]] = []
    system = world()
    reserve = system.rate_limiter.reserve

    def noted(weight: int, **options: Any) -> Reservation:
        reserved.append((weight, options["budget"], options["period_seconds"]))
        return reserve(weight, **options)

    system.rate_limiter.reserve = noted  # type: ignore[method-assign] # stands in for one method
    system.collect(start=START, end=END, top_n=1)
    assert reserved == [(13, 800, 20), (11, 800, 20), (3 * 7, 800, 20)]


def test_no_candle_is_before_the_markets_first_year() -> None:
    system = world()
    for name, request in {
        "start_date": RunRequest("backward", ms_of_hour(first_hour_of("2018-12-31"))),
        "end_date": RunRequest("backward", None, OTHER.earliest_ms),
    }.items():
        with pytest.raises(InvalidRequestError, match=r"before 2019; the exchange has no candle of that time") as error:
            plan_run(request, system.defaults, system.run_ports(), system.candles)
        assert error.value.field == name
    for mode in ("gap_fill", "verify"):
        system = world()
        system.collect(start=START, end=END, symbols=(SYMBOL,))
        assert system.start(mode).start_ms == OTHER.earliest_ms


def test_an_interval_that_the_market_does_not_serve_is_refused_with_those_that_it_does() -> None:
    system = world()
    with pytest.raises(InvalidRequestError, match=r": the exchange has no candles of 1m, 1d; it has 5m, 1h$") as error:
        system.start(start=START, intervals=(Interval.MINUTE, HOUR, Interval.DAY))
    assert error.value.field == "intervals"
    system.defaults = replace(system.defaults, intervals=(Interval.MINUTE,))
    with pytest.raises(InvalidRequestError, match="INTERVALS of this deployment: the exchange has no candles of 1m;"):
        system.start(start=START)
    assert system.leases.holder(system.clock.now()) is None


@pytest.mark.parametrize(("market", "proven"), [(OTHER, True), (replace(OTHER, young_ms=5 * HOUR_MS), False)])
def test_an_absence_is_proven_once_it_is_no_longer_young_in_the_market(market: Market, *, proven: bool) -> None:
    hole = NOW - 4
    system = world(frozenset(range(START - 100, NOW + 1)) - {hole}, market)
    run = system.collect(start=START, end=NOW, symbols=(SYMBOL,))
    series = Series(SYMBOL, HOUR, "other")
    never_printed = system.candles.coverage(series, Window(START, NOW)).never_printed
    assert never_printed == ((Window(hole, hole + 1),) if proven else ())
    assert system.record(run, SYMBOL).outcome is (Outcome.COMPLETE if proven else Outcome.PARTIAL)


def test_what_is_money_or_leveraged_is_what_the_market_says() -> None:
    run = world().collect(start=END, end=NOW, top_n=9)
    assert run.symbols == (SYMBOL, "BTCUP-EUR")
    assert run.note == "left out of the top 2 in EUR: EURC-EUR (stablecoin), BTC3L-EUR (leveraged token)"


def test_a_run_leaves_the_series_of_another_market_alone() -> None:
    system = world()
    system.collect(start=START, end=END, symbols=(SYMBOL,))
    kept = system.series.get(Series(SYMBOL, HOUR, "other"))
    system.series.put(replace(kept, series=Series("BTCUSDT", HOUR, BINANCE.name), revision=None))
    for mode in ("forward", "gap_fill", "verify"):
        run = system.collect(mode, **({} if mode == "verify" else {"top_n": 1}))
        assert {item.series.market for item in run.series} == {"other"}


def test_an_adapter_gives_its_description() -> None:
    assert Binance("https://data-api.binance.vision", max_retries=0).market is BINANCE
    assert BINANCE.intervals == tuple(Interval)
    assert BINANCE.rows_most > RECENT_CANDLES
    assert (BINANCE.first_year, BINANCE.young_slots(HOUR), BINANCE.young_slots(Interval.DAY)) == (2017, 24, 1)


def test_the_bounds_of_settings_are_the_markets() -> None:
    assert Settings.batch_size.most == BINANCE.rows_most
    assert Settings({}).intervals == (HOUR,)
    assert Settings({"INTERVALS": ",".join(map(str, BINANCE.intervals))}).intervals == BINANCE.intervals
    assert Settings({}).excluded_base_assets == frozenset(BINANCE.pegged_assets)
    assert Settings({"COLLECTION_START_DATE": f"{BINANCE.first_year}-01-01"}).collection_start == BINANCE.earliest_ms


OWN: dict[str, set[object]] = {"copy_archive.py": {6000}}
"""What is another thing: so many candles are copied at a time."""


def literals(source: str) -> Iterator[object]:
    """Yield the numbers and texts of a source, without its docstrings."""
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    yield from (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in said)


def facts(market: Market) -> set[object]:
    """Return the values of a description that stand for nothing else."""
    found: set[object] = {market.name, market.limit.weight, market.first_year, *market.leveraged_suffixes}
    return found.union(market.pegged_assets, market.listed_days, market.listed_days.values())


@pytest.mark.parametrize("path", sorted([*PACKAGE.glob("domain/*.py"), *PACKAGE.glob("collecting/*.py")]), ids=str)
def test_no_fact_of_binance_stands_where_every_market_is_collected(path: Path) -> None:
    found = list(literals(path.read_text(encoding="utf-8")))
    assert set(found) & facts(BINANCE) == OWN.get(path.name, set())
    assert not [text for text in map(str, found) if "binance" in text.lower() or str(BINANCE.first_year) in text]


def test_planted_facts_are_found() -> None:
    planted = '"""Binance."""\nlimit = 6000\n"""Its limit."""\nsuffix = "UP"\n'
    assert set(literals(planted)) & facts(BINANCE) == {6000, "UP"}
