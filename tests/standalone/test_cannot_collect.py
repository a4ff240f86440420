"""A server that cannot collect says so in its log, in what it answers, in its metrics, and to whoever asked for it."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.exchange import RunningExchange, running_exchange
from tests.integration.databases import PostgresServer, new_postgres_url, postgres_server, postgres_url
from tests.receivers import WebhookReceiver, webhook_receiver
from tests.standalone.running import Archive, eventually, running_archive, worker_pids

__all__ = ["new_postgres_url", "postgres_server", "postgres_url"]  # fixtures

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT", "LTCUSDT")
SECRET = "Bearer t0ken"  # noqa: S105 - guards nothing
INFO = "/api/admin/system/info"


@pytest.fixture
def exchange() -> Iterator[RunningExchange]:
    with running_exchange("--simulated") as running:
        running.settings(latency_ms=0)
        yield running


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


def notifying(hook: WebhookReceiver, **settings: str) -> dict[str, str]:
    return {"NOTIFY_WEBHOOK_URL": hook.url, "NOTIFY_WEBHOOK_SECRET": SECRET, "SCHEDULES_ENABLED": "false", **settings}


def notified(hook: WebhookReceiver, words: str, seconds: float = 90) -> dict[str, Any]:
    """Wait for a notice that says it."""

    def look() -> Any:
        return next((posted.body for posted in hook.posted if words in posted.body["sentence"]), None)

    found: dict[str, Any] = eventually(look, seconds)
    return found


def metrics(archive: Archive) -> dict[tuple[str, str], float]:
    answer = requests.get(f"{archive.url}/metrics", headers={"Authorization": f"Bearer {archive.key}"}, timeout=5)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name.removeprefix("candle_collector_"), "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def said(archive: Archive) -> list[str]:
    """Return the sentences of the log, in their order."""
    return [line["sentence"] for line in archive.logged("health")]


def start(days: int = 300) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


def assert_nothing_secret(archive: Archive) -> None:
    text = "".join(archive.lines)
    assert archive.key not in text
    assert "t0ken" not in text
    assert "T0KEN" not in text


def test_a_scheduled_start_that_the_exchange_refuses_is_said_everywhere(
    exchange: RunningExchange, hook: WebhookReceiver, tmp_path: Path
) -> None:
    exchange.settings(faults=[{"kind": "status", "status": 451}])
    settings = notifying(hook, SCHEDULES_ENABLED="true", COLLECTION_SCHEDULE="rate(1 minute)", GAP_FILL_SCHEDULE="")
    with running_archive(tmp_path, exchange.url, **settings) as archive:
        assert archive.ask("GET", INFO)["health"]["state"] == "empty"
        body = notified(hook, "did not start")
        health = archive.ask("GET", INFO)["health"]
        assert health["state"] == "needs_you"
        assert health["sentence"].startswith("Needs you: the forward run of ")
        assert health["sentence"].endswith(" UTC did not start: The exchange refuses this region (451).")
        assert "another ExchangeBaseUrl" in health["remedy"]
        assert body["sentence"].endswith("The exchange refuses this region (451).")
        assert health["sentence"] in said(archive) or body["sentence"] in said(archive)
        shown = metrics(archive)
        assert (shown["health", "needs_you"], shown["database_failing", ""]) == (1, 0)
        assert shown["scheduled_starts_failed_total", "forward"] >= 1
        exchange.settings(faults=[])
        archive.ended(archive.trigger("BTCUSDT", start=start()))
        assert "did not start" not in archive.ask("GET", INFO)["health"]["sentence"]
        assert_nothing_secret(archive)


def test_a_disk_without_room_in_mid_run_is_said_everywhere_and_the_run_goes_on_after_it(
    exchange: RunningExchange, hook: WebhookReceiver, tmp_path: Path
) -> None:
    exchange.settings(latency_ms=100)
    with running_archive(tmp_path, exchange.url, **notifying(hook, NOTIFY_RUNS="all")) as archive:
        run_id = archive.trigger(*SYMBOLS, start=start())
        writers = [archive.process.pid, *eventually(lambda: worker_pids(archive.process.pid))]
        largest = max(path.stat().st_size for path in tmp_path.glob("candles.db*"))
        for pid in writers:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        body = notified(hook, "nothing can be stored")
        assert "the disk failed to read or write the file" in body["sentence"]
        assert body["remedy"].startswith("Look at the disk.")
        health = eventually(lambda: _of_cause(archive, "nothing can be stored"), pause=0.25)
        assert health["state"] == "needs_you"
        assert any("nothing can be stored" in sentence for sentence in said(archive))
        assert eventually(lambda: metrics(archive)["database_failing", ""], pause=0.25) == 1
        for pid in [archive.process.pid, *worker_pids(archive.process.pid)]:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert archive.ended(run_id)["complete"] == len(SYMBOLS)
        ended = eventually(lambda: [item.body for item in hook.posted if item.body.get("run_id") == run_id])
        assert (ended[0]["outcome"], ended[0]["mode"]) == ("complete", "backward")
        assert eventually(lambda: not metrics(archive)["database_failing", ""], 60, pause=0.25)
        eventually(lambda: hook.posted[-1].body.get("state") not in {None, "needs_you"}, 60)
        assert metrics(archive)["symbols_ended_total", "complete"] == len(SYMBOLS)
        assert_nothing_secret(archive)


def _of_cause(archive: Archive, words: str) -> Any:
    health = archive.ask("GET", INFO).get("health", {})
    return health if words in health.get("sentence", "") else None


def test_a_postgresql_that_is_stopped_in_mid_run_is_said_everywhere_and_the_run_goes_on_after_it(
    exchange: RunningExchange,
    hook: WebhookReceiver,
    new_postgres_url: str,
    postgres_server: PostgresServer,
    tmp_path: Path,
) -> None:
    exchange.settings(latency_ms=100)
    settings = notifying(hook, DATABASE_URL=new_postgres_url, NOTIFY_RUNS="failed", WORKER_TIMEOUT="5")
    with running_archive(tmp_path, exchange.url, **settings) as archive:
        run_id = archive.trigger(*SYMBOLS, start=start())
        assert metrics(archive)["database_failing", ""] == 0
        postgres_server.stop("immediate")
        try:
            body = notified(hook, "nothing can be stored")
            assert "does not answer" in body["sentence"]
            assert "Look whether its server runs." in body["remedy"]
            began = time.monotonic()
            shown = metrics(archive)  # as a scrape of the ten seconds that Prometheus gives it
            assert time.monotonic() - began < 5
            assert (shown["database_failing", ""], shown["health", "needs_you"]) == (1, 1)
            error = archive.ask("GET", INFO)["error"]
            assert error["code"] == "DATABASE_UNAVAILABLE"
            assert error["message"].startswith("Needs you: nothing can be stored: the database ")
            assert any("nothing can be stored" in sentence for sentence in said(archive))
        finally:
            postgres_server.start()
        assert archive.ended(run_id)["complete"] == len(SYMBOLS)
        eventually(lambda: hook.posted[-1].body.get("state") not in {None, "needs_you"}, 60)
        assert [item.body for item in hook.posted if "run_id" in item.body] == []  # it did not fail
        assert_nothing_secret(archive)
