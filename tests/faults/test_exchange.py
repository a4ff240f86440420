"""An exchange with a tight limit, a ban, a storm of faults, a refusal: its own counts are the witness."""

from collections.abc import Iterator
from itertools import count, product, takewhile
from typing import Any

import pytest
from candle_collector.domain.windows import Window, Windows

from simulator.broken_rows import ROW_FAULTS
from simulator.faults import Rule
from tests.e2e.conftest import StackUnderTest
from tests.e2e.driving import KLINES, TRIGGER, Api, StackExchange, assert_exact, hour
from tests.hourly import HOUR, HOUR_MS
from tests.plans import spans_of

LIMIT = 400
SHARE = 0.8
WORKERS = 10
BAN_S = 60
ON_THEIR_WAY_MS = 1000

RETRYABLE = [
    *("reset_before_headers", "reset_after_headers", "reset_in_body", "close_before_headers", "short_body"),
    *("length_too_small", "length_too_large", "truncated_json", "trailing_bytes", "not_utf8", "empty_body", "null"),
    *("number", "object", "nothing_in_rows", "error_with_200", "html", "deep_nesting", "huge_integer", "redirect"),
    *("gzip_in_name_only", "no_date", "wrong_date", "status", "hang", "trickle"),
    *("duplicated_row", "unordered_rows", "off_grid_row", "row_before_start", "row_from_the_future"),
    *("more_than_limit", "high_below_low", "close_above_high", "zero_price", "negative_volume", "nan", "infinity_text"),
    *("exponent", "price_as_number", "price_missing", "time_as_text", "time_in_microseconds", "column_missing"),
    *("columns_swapped", "row_is_object", "row_is_null"),
]
"""Every kind of broken answer that another attempt may mend; `hang` and `trickle` last as long as a worker waits."""


def test_a_limit_of_400_is_never_passed_by_a_run_of_a_hundred_symbols_over_eleven_months(
    api: Api, exchange: StackExchange
) -> None:
    # A minute of 20 s, so that nobody waits; the exchange says it, and the workers keep to what it says.
    exchange.settings(weight_limit=LIMIT, minute_seconds=20)
    results = api.run(top_n=100, start_date="2025-01-01", end_date="2025-11-30", within_s=580)
    stats = exchange.stats(0)
    assert results["complete"] == 100
    assert results["total_records"] == 801_600
    assert stats["by_path"][KLINES] == 900
    assert "418" not in stats["by_status"]
    assert stats["by_status"].get("429", 0) <= 1
    assert stats["inside_retry_after"] == 0
    assert stats["most_weight_in_a_minute"] <= LIMIT * SHARE


@pytest.fixture
def ten_workers(stack: StackUnderTest) -> Iterator[None]:
    functions: Any = stack.aws.client("lambda", endpoint_url=stack.aws_endpoint_url)
    name = f"{stack.reported['stack_name']}-worker"
    (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]

    def allow(workers: int) -> None:
        functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": workers})

    allow(WORKERS)
    yield
    allow(mapping["ScalingConfig"]["MaximumConcurrency"])


@pytest.mark.usefixtures("ten_workers")
def test_a_ban_in_mid_run_stops_ten_workers_until_its_end(api: Api, exchange: StackExchange) -> None:
    ban = {"kind": "ban", "seconds": BAN_S, "times": 1, "after": 60, "match": {"path": "klines"}}
    exchange.settings(latency_ms=300, faults=[ban])
    results = api.run(top_n=100, start_date="2024-12-01", end_date="2024-12-31", within_s=580)
    stats = exchange.stats(20_000)
    assert results["complete"] == 100
    assert stats["faults"] == {"ban": 1}
    assert stats["most_in_flight"] > 4
    (reported,) = [item["at_ms"] for item in stats["log"] if item["fault"] == "ban"]
    inside = [item for item in stats["log"] if item["warned_ms"] is not None]
    assert len(inside) < WORKERS
    # On their way when the first worker was refused; the others look at the rate limiter before they ask.
    assert all(item["warned_ms"] < ON_THEIR_WAY_MS for item in inside)
    later = [item["at_ms"] - reported for item in stats["log"] if item["at_ms"] > reported + 1000]
    assert min(later) >= BAN_S * 1000


def storm(seed: int) -> dict[str, Any]:
    return {"kind": RETRYABLE, "probability": 0.2, "seed": seed, "seconds": 3, "match": {"path": "klines"}}


def is_survivable(seed: int, symbols: list[str], plan: Windows) -> bool:
    """Return whether the seed, which decides alone, lets every request of the plan come to a right answer.

    Four broken answers in a row end a window, and two with the same wrong row would cost that row.
    """
    rule = Rule.parse(storm(seed))
    for symbol, requested in product(symbols, plan):
        query = {
            "symbol": symbol,
            "interval": "1h",
            "startTime": str(requested.start * HOUR_MS),
            "limit": str(requested.slots),
        }
        met = list(takewhile(bool, (rule.draw(KLINES, query) for _ in range(4))))
        if len(met) == 4 or sum(kind in ROW_FAULTS for kind in met) > 1:
            return False
    return True


def test_a_storm_in_which_a_fifth_of_all_answers_is_broken_ends_complete_and_exact(
    api: Api, exchange: StackExchange
) -> None:
    requested: dict[str, Any] = {"top_n": 100, "start_date": "2025-01-01", "end_date": "2025-03-31"}
    start, end = hour("2025-01-01"), hour("2025-04-01")
    symbols = [
        item["symbol"]
        for item in api.post(TRIGGER, {"mode": "backward", **requested, "dry_run": True}).json()["symbols"]
    ]
    plan = spans_of((Window(start, end),), 1000, HOUR.block_slots)
    seed = next(seed for seed in count() if is_survivable(seed, symbols, plan))
    exchange.reset()
    exchange.settings(faults=[storm(seed)])
    results = api.run(**requested, within_s=580)
    stats = exchange.stats(0)
    broken = sum(stats["faults"].values())
    retries = sum(item["retries"] for item in results["details"])
    assert results["complete"] == 100
    assert broken > 0.1 * stats["by_path"][KLINES]
    assert sum(item["requests"] for item in results["details"]) == stats["by_path"][KLINES]
    assert retries == broken
    exchange.settings(faults=[])
    for symbol in symbols:
        assert_exact(api, exchange, symbol, start, end)


def test_a_refused_region_ends_the_run_at_once_with_the_remedy(api: Api, exchange: StackExchange) -> None:
    exchange.settings(faults=[{"kind": "status", "status": 451, "match": {"path": "klines"}}])
    results = api.run(top_n=100, start_date="2024-09-01", end_date="2024-09-30", within_s=120)
    assert results["failed"] == 100
    for item in results["details"]:
        assert item["error"]["http_status"] == 451
        assert "ExchangeBaseUrl" in item["error"]["message"]
    assert exchange.stats(0)["requests"] <= 20
    exchange.settings(faults=[])
    assert api.run(top_n=2, start_date="2024-09-01", end_date="2024-09-30")["complete"] == 2
