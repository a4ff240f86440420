"""The exchange, the launcher and the run without faults that all of these tests are measured by."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchange import RunningExchange, running_exchange
from tests.integration.databases import new_postgres_url, postgres_server, postgres_url
from tests.kills.archives import Launcher, copied, launching
from tests.kills.collection import Collection, Rows, assert_of_the_exchange, live, stored_rows

__all__ = ["new_postgres_url", "postgres_server", "postgres_url"]  # fixtures

LATENCY_MS = 60


@pytest.fixture(scope="session")
def exchange() -> Iterator[RunningExchange]:
    with running_exchange("--simulated") as running:
        running.settings(latency_ms=LATENCY_MS, weight_limit=1_000_000)
        yield running


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    with launching() as launcher:
        yield launcher


@pytest.fixture(scope="session")
def reference(launcher: Launcher, exchange: RunningExchange, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Collect without faults, compare every candle with the exchange's, and return all rows."""
    folder = tmp_path_factory.mktemp("without-faults")
    archive = launcher.start(folder, exchange.url)
    collection = Collection(exchange, lambda: copied(folder, folder / "copy"))
    live(archive, collection, kill_after=None)
    archive.end()
    archive.close()
    with copied(folder, folder / "copy") as url:
        rows = stored_rows(url)
    assert_of_the_exchange(rows, exchange)
    return rows
