"""What `make collect` reads off the project's own simulated exchange."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from cli.collect.stack import Exchange


@pytest.fixture
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "simulator", "--simulated", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as exchange:  # noqa: S603 - the project's own program
        try:
            assert exchange.stdout is not None
            ready = re.search(r"http://127\.0\.0\.1:\d+", exchange.stdout.readline())
            assert ready
            yield ready[0]
        finally:
            exchange.terminate()


def test_its_count_of_candle_requests_grows_with_each_and_with_nothing_else(url: str) -> None:
    exchange = Exchange(url)
    assert exchange.candle_requests() == 0
    requested = requests.get(f"{url}/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1", timeout=10)
    requests.get(f"{url}/api/v3/ping", timeout=10)
    assert requested.ok
    assert exchange.candle_requests() == 1


def test_its_clock_is_read(url: str) -> None:
    requests.put(f"{url}/_exchange/settings", json={"clock_skew_ms": -86_400_000_000}, timeout=10).raise_for_status()
    now = datetime.now(UTC)
    assert now - Exchange(url).now(otherwise=now) > timedelta(days=999)


def test_an_exchange_that_is_not_there_leaves_our_clock_and_no_count() -> None:
    now = datetime.now(UTC)
    nowhere = Exchange("http://127.0.0.1:1")
    assert (nowhere.now(otherwise=now), nowhere.candle_requests()) == (now, None)
