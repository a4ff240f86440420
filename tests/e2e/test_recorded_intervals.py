"""Recorded candles of minutes, collected over HTTP and read back to the last digit, and hours made of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from candle_collector.domain import dates
from candle_collector.domain.interval import DAY_MS, HOUR_MS

from tests.e2e.conftest import RECORDED_CANDLES, StackUnderTest, _own_stack, settings_on
from tests.e2e.driving import Api, StackExchange, without_close_time
from tests.recorded_intervals import FIVE_MINUTES, MINUTES, RECORDED_INTERVALS, SYMBOL, recorded


@dataclass(frozen=True)
class Collected:
    """A stack that has collected minutes, and then candles of five minutes; the hours were read in between."""

    api: Api
    exchange: StackExchange
    hours: list[list[Any]]
    requests: dict[str, int]


@pytest.fixture(scope="module")
def collected(runtime: str, request: pytest.FixtureRequest) -> Iterator[Collected]:
    if not RECORDED_INTERVALS.is_dir():
        pytest.skip(f"the recorded candles are missing: {RECORDED_INTERVALS}")
    stacks = _own_stack("intervals", f"replay:{RECORDED_INTERVALS}", runtime, **settings_on(runtime, request))
    for stack in stacks:
        yield collect(stack)


def collect(stack: StackUnderTest) -> Collected:
    """Collect all that is recorded."""
    api, exchange = Api(stack), StackExchange(stack)
    requests = {}
    results = api.run(symbols=[SYMBOL], intervals=["1m"], **MINUTES)
    assert (results["complete"], results["total_records"]) == (1, 4320)
    requests["1m"] = exchange.klines_asked()
    hours = api.rows(SYMBOL, "1h", dates.start_of(MINUTES["start_date"]), dates.end_of(MINUTES["end_date"]))
    exchange.reset()
    for months in FIVE_MINUTES:
        assert api.run(symbols=[SYMBOL], intervals=["5m"], **months)["complete"] == 1
    requests["5m"] = exchange.klines_asked()
    return Collected(api, exchange, hours, requests)


@pytest.mark.parametrize(
    ("interval", "ranges"), [("1m", [MINUTES]), ("5m", FIVE_MINUTES)], ids=["minutes", "five minutes"]
)
def test_every_candle_is_answered_as_it_was_recorded(
    collected: Collected, interval: str, ranges: list[dict[str, Any]]
) -> None:
    expected = recorded(*sorted(RECORDED_INTERVALS.glob(f"{SYMBOL}-{interval}-*")))
    answered = [
        row
        for within in ranges
        for row in collected.api.rows(
            SYMBOL, interval, dates.start_of(within["start_date"]), dates.end_of(within["end_date"])
        )
    ]
    assert len(answered) == len(expected)
    assert without_close_time(answered) == expected
    length_ms = {"1m": 60_000, "5m": 300_000}[interval]
    assert {row[6] - row[0] for row in answered} == {length_ms - 1}


def test_the_fewest_requests_bring_them_and_none_brings_them_again(collected: Collected) -> None:
    assert collected.requests["1m"] == 5  # 4,320 candles, 998 of them a request
    assert collected.requests["5m"] == 9 + 18  # 8,928 and 17,856
    collected.exchange.reset()
    results = collected.api.run(symbols=[SYMBOL], intervals=["1m", "5m"], **MINUTES)
    by_interval = {entry["interval"]: entry["status"] for entry in results["details"]}
    assert by_interval["1m"] == "skipped"


def test_hours_made_of_recorded_minutes_are_the_recorded_hours(collected: Collected) -> None:
    hours = {row[0]: row for row in recorded(RECORDED_CANDLES / f"{SYMBOL}-1h-2025.csv.gz")}
    made = without_close_time(collected.hours)
    assert len(made) == 71  # of 72 hours the first and the last are cut
    assert made == [hours[row[0]] for row in made]


def test_hours_made_of_recorded_five_minutes_are_the_recorded_hours(collected: Collected) -> None:
    by_time = {
        row[0]: row for year in (2023, 2024, 2025) for row in recorded(RECORDED_CANDLES / f"{SYMBOL}-1h-{year}.csv.gz")
    }
    for within in FIVE_MINUTES:
        start_ms, end_ms = dates.start_of(within["start_date"]), dates.end_of(within["end_date"])
        made = without_close_time(collected.api.rows(SYMBOL, "1h", start_ms, end_ms))
        assert made == [by_time[ms] for ms in range(start_ms, end_ms, HOUR_MS)]


def test_coverage_says_what_is_known_of_each_interval_and_of_those_made_of_it(collected: Collected) -> None:
    listed = {
        (entry["symbol"], entry["interval"]): entry["stored"]
        for entry in collected.api.get("/api/admin/coverage").json()["symbols"]
    }
    assert listed == {(SYMBOL, "1m"): 4320, (SYMBOL, "5m"): 8928 + 17856}
    month = collected.api.get(f"/api/admin/coverage/{SYMBOL}", interval="4h", **FIVE_MINUTES[0]).json()
    assert (month["interval"], month["expected"], month["stored"], month["percent"]) == ("4h", 186, 186, 100.0)


def test_weeks_and_months_end_where_binance_ends_them(collected: Collected) -> None:
    start_ms = dates.start_of("2024-12-01")
    (month,) = collected.api.rows(SYMBOL, "1M", start_ms, start_ms + DAY_MS)
    assert (month[0], month[6]) == (start_ms, dates.start_of("2025-01-01") - 1)
    weeks = collected.api.rows(SYMBOL, "1w", start_ms, dates.start_of("2024-12-30"))
    assert [dates.format_ms(row[0])[:10] for row in weeks] == ["2024-12-02", "2024-12-09", "2024-12-16", "2024-12-23"]
    assert {row[6] - row[0] for row in weeks} == {7 * DAY_MS - 1}


def test_an_interval_that_cannot_be_made_is_refused_with_the_nearest_that_can(collected: Collected) -> None:
    answer = collected.api.get("/api/v3/klines", symbol=SYMBOL, interval="7m")
    assert answer.status_code == 400
    assert answer.json()["code"] == -1120
    refused = collected.api.post("/api/admin/collect/trigger", {"mode": "forward", "intervals": ["2h"]})
    assert refused.status_code == 400
    assert refused.json()["error"]["field"] == "intervals"
    assert "1m, 3m, 5m, 15m, 30m, 1h, 1d" in refused.json()["error"]["message"]
