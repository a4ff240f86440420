"""What interrupts a run from outside: worker processes that are killed, and a deployment."""

from tests.e2e.conftest import StackUnderTest
from tests.e2e.driving import Api, StackExchange, assert_exact, hour, kill_workers, until
from tests.e2e.runtimes import aws_alone
from tests.emf import emitted, sums

SYMBOLS = 24
HOURS = 61 * 24


@aws_alone
def test_a_run_loses_nothing_by_killed_workers_and_a_deployment(stack: StackUnderTest, exchange: StackExchange) -> None:
    api = Api(stack)
    # 48 requests of 2 s by 4 workers: the run is in its middle, whatever the machine's speed.
    exchange.settings(latency_ms=2000)
    run_id = api.start(top_n=SYMBOLS, start_date="2025-08-01", end_date="2025-09-30")
    until(lambda: exchange.klines_asked() >= 6, "the run has not begun")
    killed = kill_workers(stack, exchange)
    assert killed > 0

    stack.environment["LOG_LEVEL"] = "DEBUG"
    assert "deploying" in stack.up()
    assert api.done(run_id) < SYMBOLS
    exchange.settings(latency_ms=0)

    results = api.result(run_id)
    assert results["complete"] == SYMBOLS
    assert results["total_records"] == SYMBOLS * HOURS
    reported = sum(item["requests"] for item in results["details"])
    requested = exchange.klines_asked()
    assert reported < requested, "no worker was killed in flight"
    logs = "".join(file.read_text() for file in sorted((stack.local_dir / "logs").glob("*.log")))
    sent = sums(emitted(logs), run_id)
    # a worker that ends between the record of a symbol's end and its metrics leaves those out: one symbol each time
    unsaid, rest = divmod(results["total_records"] - sent.pop("CandlesStored"), HOURS)
    assert (0 <= unsaid <= 2 * killed, rest) == (True, 0)
    assert (reported == sent.pop("Requests")) == (unsaid == 0)
    assert sent == {"SymbolsPartial": 0, "SymbolsFailed": 0, "RunDegraded": 0, "MissingCandles": 0}
    for item in results["details"]:
        assert_exact(api, exchange, item["symbol"], hour("2025-08-01"), hour("2025-10-01"))
