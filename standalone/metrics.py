"""The server's metrics for Prometheus: what runs and symbols added since it started, and how the archive stands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import prometheus_client
from candle_collector.domain.health import Health, State
from candle_collector.domain.run import RunSeriesRecord, degraded_percent
from candle_collector.ports import ArchiveFigures
from prometheus_client import CollectorRegistry, Counter, Gauge, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily

NAME = "candle_collector"

FRESH_SECONDS = 1000.0
"""For how long figures of the archive are given out: the reconciler, which brings them, goes round every 15 minutes at
least. A figure that is not there any more is seen; one that stays as it was would be believed."""


class PrometheusMetrics:
    """The `Metrics` of a server, kept in memory: none of it is read from the database when it is asked for.

    Parameters
    ----------
    health
        Returns how the archive stood at the last look; None before the first.
    monotonic
        Seconds since some moment.
    """

    def __init__(
        self,
        *,
        version: str,
        stage: str,
        health: Callable[[], Health | None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call] # the library left it so
        self.registry = CollectorRegistry()
        self._health = health
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._figures: tuple[ArchiveFigures, float] | None = None
        made: dict[str, Any] = {"namespace": NAME, "registry": self.registry}
        self._candles = Counter("candles_stored", "Candles that runs have stored or replaced.", **made)
        self._requests = Counter("exchange_requests", "Requests for candles to the exchange, retries included.", **made)
        self._ended = Counter("symbols_ended", "Series of runs that ended, by outcome.", ["outcome"], **made)
        self._refused = Counter("keys_refused", "Calls of the API whose key was refused or missing.", **made)
        self._starts = Counter("scheduled_starts_failed", "Starts by a schedule that failed.", ["mode"], **made)
        self._died = Counter("worker_processes_ended", "Worker processes that ended before the server did.", **made)
        self._degraded = Gauge(
            "last_run_degraded_percent", "Percent of the last run's symbols that failed or are partial.", **made
        )
        self._missing = Gauge("last_run_missing_candles", "Candles that the last run's series are missing.", **made)
        for outcome in ("complete", "partial", "failed", "skipped"):
            self._ended.labels(outcome)
        for mode in ("forward", "gap_fill"):
            self._starts.labels(mode)
        self._degraded.set(float("nan"))  # before the first run ends, nothing is known of the last
        self._missing.set(float("nan"))
        Info("build", "The server's version and stage.", **made).info({"version": version, "stage": stage})
        ProcessCollector(registry=self.registry)
        self.registry.register(_OfTheArchive(self))

    def symbol_ended(self, record: RunSeriesRecord) -> None:
        """Count a symbol, its candles and its requests."""
        self._candles.inc(record.records)
        self._requests.inc(record.requests)
        self._ended.labels(record.outcome.value).inc()

    def run_ended(self, run_id: str, counts: Mapping[str, int], missing_slots: int) -> None:  # noqa: ARG002 - a label with a run's id would be a series of its own each time
        """Keep how a run ended."""
        self._degraded.set(degraded_percent(counts))
        self._missing.set(missing_slots)

    def archive_stands(self, figures: ArchiveFigures) -> None:
        """Keep how the archive stands."""
        with self._lock:
            self._figures = (figures, self._monotonic())

    def key_refused(self) -> None:
        """Count a refusal."""
        self._refused.inc()

    def start_failed(self, mode: str) -> None:
        """Count a start by a schedule that failed."""
        self._starts.labels(mode).inc()

    def worker_process_ended(self) -> None:
        """Count a worker process that died."""
        self._died.inc()

    def text(self) -> str:
        """Return all of it as Prometheus reads it."""
        return prometheus_client.generate_latest(self.registry).decode()

    def stands(self) -> tuple[ArchiveFigures | None, Health | None]:
        """Return the figures of the archive, if they are fresh, and its health."""
        with self._lock:
            figures = self._figures
        is_fresh = figures is not None and self._monotonic() - figures[1] <= FRESH_SECONDS
        return (figures[0] if figures and is_fresh else None), self._health()


class _OfTheArchive:
    """What is known of the archive when it is asked for."""

    def __init__(self, metrics: PrometheusMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges that there is something to say of."""
        figures, health = self._metrics.stands()
        if figures is not None:
            yield _gauge(
                "newest_candle_lag_hours",
                "Hours the newest candle is behind, as far as the schedules had time.",
                figures.lag_hours,
            )
            yield _gauge("open_run_overdue_seconds", "Seconds an open run is past its end.", figures.overdue_seconds)
            yield _gauge("exchange_blocked_seconds", "Seconds until the exchange is asked.", figures.blocked_seconds)
        if health is not None:
            states = GaugeMetricFamily(f"{NAME}_health", "1 for the state that the archive is in.", labels=["state"])
            for state in get_args(State):
                states.add_metric([state], float(state == health.state))
            yield states
            fails = health.cause in {"outage", "no_answer"}
            yield _gauge("database_failing", "1 where the database stores nothing.", float(fails))


def _gauge(name: str, said: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{NAME}_{name}", said, value=value)
