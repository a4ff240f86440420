"""The run of a hundred symbols with its workers killed, and fifty triggers at once."""

from tests.e2e.conftest import StackUnderTest
from tests.e2e.driving import Api, StackExchange, assert_exact, assert_one_starts, hour, kill_workers, until


def test_a_run_of_a_hundred_symbols_ends_exact_though_its_workers_are_killed(
    stack: StackUnderTest, api: Api, exchange: StackExchange
) -> None:
    exchange.settings(latency_ms=100)
    run_id = api.start(top_n=100, start_date="2025-01-01", end_date="2025-11-30")
    until(lambda: exchange.klines_asked() >= 300, "the run has not come to its middle")
    killed = kill_workers(stack, exchange)
    assert killed > 0
    exchange.settings(latency_ms=0)
    results = api.result(run_id)
    assert results["complete"] == 100
    assert results["total_records"] == 801_600
    assert 900 <= exchange.klines_asked() <= 900 + killed
    for item in results["details"]:
        assert_exact(api, exchange, item["symbol"], hour("2025-01-01"), hour("2025-12-01"))


def test_fifty_triggers_at_once_start_one_run(api: Api, exchange: StackExchange) -> None:
    assert_one_starts(api, exchange, triggers=50)
