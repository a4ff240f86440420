"""Where adapters are built: once for each function's process, from its settings, and replaced in tests.

Adapters are imported where they are built, so that a function loads only what it uses: cold starts stay small.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from candle_collector.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from candle_collector.adapters.dynamodb.item_table import ItemTable
    from candle_collector.adapters.sql.database import Database
    from candle_collector.api.authorize import Caller
    from candle_collector.collecting.close_symbols import ClosingPorts
    from candle_collector.collecting.run_scope import RunDefaults, RunPorts
    from candle_collector.collecting.worker_ports import WorkerPorts
    from candle_collector.domain.api_key import Scope
    from candle_collector.domain.health import Health
    from candle_collector.domain.market import Market
    from candle_collector.ports import (
        ApiKeyStore,
        CandleStore,
        Clock,
        CollectQueue,
        EventBus,
        Exchange,
        ExchangeProbe,
        FailedStartStore,
        LeaseStore,
        ListingStore,
        MarketCache,
        MessageQueue,
        Metrics,
        Notifier,
        RateLimiter,
        RunStore,
        SeriesStore,
        UniverseStore,
    )

Adapter = TypeVar("Adapter")


class SystemClock:
    """The clock of the machine it runs on."""

    def now(self) -> datetime:
        """Return the aware UTC time."""
        return datetime.now(UTC)


class PerThread(Generic[Adapter]):
    """An adapter that bears one thread only: each thread of a process has its own, built when it first needs it.

    As with `cached_property`, what a container was handed in under the name comes first.

    Parameters
    ----------
    build
        Builds it for a container.
    """

    def __init__(self, build: Callable[[Any], Adapter]) -> None:
        self._build = build
        self._built = threading.local()

    def __get__(self, container: Container | None, owner: type) -> Adapter:
        """Return the adapter of this container and thread."""
        by_container: WeakKeyDictionary[object, Adapter] = self._built.__dict__.setdefault("by", WeakKeyDictionary())
        if container not in by_container:
            by_container[container] = self._build(container)
        return by_container[container]


class Container:
    """The adapters of a process, each built when it is first needed; a test hands in its own by their names."""

    def __init__(self, settings: Settings, **replaced: object) -> None:
        self.settings = settings
        self.__dict__.update(replaced)

    @cached_property
    def clock(self) -> Clock:
        """Our clock."""
        return SystemClock()

    @cached_property
    def monotonic(self) -> Callable[[], float]:
        """The seconds by which a worker's turn has its time; a process that is to stop lets the time of all be over."""
        return time.monotonic

    @property
    def market(self) -> Market:
        """What is so of the exchange's market."""
        from candle_collector.adapters.binance.market import BINANCE

        return BINANCE

    @cached_property
    def exchange(self) -> Exchange:
        """The exchange, its connections kept between invocations."""
        from candle_collector.adapters.binance.client import Binance

        return Binance(self.settings.exchange_base_url, max_retries=self.settings.max_retries)

    @cached_property
    def prefetch(self) -> Executor:
        """A thread that asks the exchange while the answer before is stored; one, as the connections bear no more."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(1, thread_name_prefix="prefetch")

    @cached_property
    def runs_items(self) -> ItemTable:
        """The runs table, and the one DynamoDB client of the process."""
        from candle_collector.adapters.dynamodb.item_table import ItemTable

        return ItemTable(self.settings.runs_table)

    @cached_property
    def candles(self) -> CandleStore:
        """The candle table."""
        from candle_collector.adapters.dynamodb.candles_table import CandlesTable

        return CandlesTable(self.settings.candles_table, client=self.runs_items.client)

    @cached_property
    def leases(self) -> LeaseStore:
        """The lease."""
        from candle_collector.adapters.dynamodb.lease_table import LeaseTable

        return LeaseTable(self.runs_items)

    @cached_property
    def runs(self) -> RunStore:
        """The runs."""
        from candle_collector.adapters.dynamodb.runs_table import RunsTable

        return RunsTable(self.runs_items)

    @cached_property
    def universes(self) -> UniverseStore:
        """The rankings of days."""
        from candle_collector.adapters.dynamodb.universe_table import UniverseTable

        return UniverseTable(self.runs_items)

    @cached_property
    def failed_starts(self) -> FailedStartStore:
        """The last scheduled start that failed."""
        from candle_collector.adapters.dynamodb.failed_start_table import FailedStartTable

        return FailedStartTable(self.runs_items)

    @cached_property
    def series(self) -> SeriesStore:
        """The series' records."""
        from candle_collector.adapters.dynamodb.series_table import SeriesTable

        return SeriesTable(self.runs_items)

    @cached_property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter that all workers share."""
        from candle_collector.adapters.dynamodb.rate_limiter_table import RateLimiterTable

        return RateLimiterTable(self.runs_items)

    @cached_property
    def market_cache(self) -> MarketCache:
        """The market's last answers."""
        from candle_collector.adapters.dynamodb.market_table import MarketTable

        return MarketTable(self.runs_items)

    @cached_property
    def listings(self) -> ListingStore:
        """What the exchange last said of each symbol."""
        from candle_collector.adapters.dynamodb.listings_table import ListingsTable

        return ListingsTable(self.runs_items)

    @cached_property
    def queue(self) -> CollectQueue:
        """The workers' queue."""
        from candle_collector.adapters.sqs import SqsCollectQueue

        return SqsCollectQueue(self.settings.collect_queue_url)

    @cached_property
    def events(self) -> EventBus:
        """The event bus."""
        from candle_collector.adapters.events import EventBridgeBus

        return EventBridgeBus(self.settings.stage)

    @cached_property
    def metrics(self) -> Metrics:
        """Lines of the log that CloudWatch reads."""
        from candle_collector.adapters.emf_metrics import EmfMetrics

        return EmfMetrics()

    @cached_property
    def keys(self) -> ApiKeyStore:
        """The keys' records."""
        from candle_collector.adapters.dynamodb.keys_table import KeysTable

        return KeysTable(self.settings.keys_table)

    @cached_property
    def probe(self) -> ExchangeProbe:
        """A look at the exchange."""
        from candle_collector.adapters.binance.ping import ExchangePing

        return ExchangePing(self.settings.exchange_base_url)

    def outage(self) -> str | None:
        """Return why the database stores nothing; None where it does, or where nothing here would know it."""
        return None

    def health(self) -> Health:
        """Return how the archive stands."""
        from candle_collector.domain.health import cannot_store
        from candle_collector.reading.report_health import Schedules, look, report_health

        if (reason := self.outage()) is not None:  # what is to be read would be waited for
            return cannot_store(reason)
        settings = self.settings
        on = settings.schedules_enabled
        schedules = Schedules(
            settings.collection_schedule if on else None,
            (settings.gap_fill_schedule or None) if on else None,
            settings.stale_after_hours,
            settings.intervals,
        )
        return report_health(look(self, schedules), self.runs)

    def run_defaults(self) -> RunDefaults:
        """Return the deployment's defaults for runs."""
        from candle_collector.collecting.run_scope import RunDefaults

        return RunDefaults(
            top_n=self.settings.top_n,
            intervals=self.settings.intervals,
            quote_assets=self.settings.quote_assets,
            collection_start=self.settings.collection_start,
            batch_size=self.settings.batch_size,
            excluded=self.settings.excluded_base_assets,
            keep_stored=self.settings.keep_stored_symbols,
            deadline=timedelta(hours=self.settings.run_deadline_hours),
            weight_share_percent=self.settings.weight_share_percent,
            workers=self.settings.worker_concurrency,
        )

    def run_ports(self) -> RunPorts:
        """Return what starting a run needs."""
        from candle_collector.collecting.run_scope import RunPorts

        return RunPorts(
            exchange=self.exchange,
            rate_limiter=self.rate_limiter,
            market_cache=self.market_cache,
            clock=self.clock,
            sleep=time.sleep,
            leases=self.leases,
            runs=self.runs,
            universes=self.universes,
            series=self.series,
            queue=self.queue,
            listings=self.listings,
        )

    def closing_ports(self) -> ClosingPorts:
        """Return what closing symbols needs."""
        from candle_collector.collecting.close_symbols import ClosingPorts

        return ClosingPorts(
            candles=self.candles,
            series=self.series,
            leases=self.leases,
            runs=self.runs,
            events=self.events,
            metrics=self.metrics,
            clock=self.clock,
        )

    def worker_ports(self, *, remaining_seconds: float) -> WorkerPorts:
        """Return what a worker's turn works with, for an invocation that has so much time left."""
        from candle_collector.collecting.worker_ports import WorkerPorts

        return WorkerPorts(
            exchange=self.exchange,
            candles=self.candles,
            series=self.series,
            runs=self.runs,
            queue=self.queue,
            rate_limiter=self.rate_limiter,
            events=self.events,
            metrics=self.metrics,
            clock=self.clock,
            monotonic=self.monotonic,
            until=self.monotonic() + remaining_seconds,
            # a worker may live a little longer than its clock says, and is gone long before its message shows again
            claim_seconds=self.settings.worker_timeout + min(30, self.settings.worker_timeout),
            weight_share_percent=self.settings.weight_share_percent,
            prefetch=self.prefetch,
        )


def usable_database(settings: Settings) -> AbstractContextManager[Any]:
    """Have an engine on the database of the settings, which is looked at and left as it is.

    Raises
    ------
    DatabaseError
        An archive could not be kept there, and why.
    """
    from candle_collector.adapters.sql.looking import usable

    return usable(settings.database_url)


class SqlContainer(Container):
    """The adapters of an archive at home, all of which share one database: nothing of AWS is loaded."""

    @cached_property
    def database(self) -> Database:
        """The database; what it lacks is made when it is opened."""
        from candle_collector.adapters.sql.database import Database

        return Database(self.settings.database_url)

    def outage(self) -> str | None:
        """Return why the database stores nothing."""
        return self.database.outages.current()

    @PerThread
    def exchange(self) -> Exchange:
        """Return the exchange, as one worker or one call of the API asks it."""
        from candle_collector.adapters.binance.client import Binance

        return Binance(self.settings.exchange_base_url, max_retries=self.settings.max_retries)

    @PerThread
    def prefetch(self) -> Executor:
        """Return the thread beside a worker's."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(1, thread_name_prefix="prefetch")

    @cached_property
    def candles(self) -> CandleStore:
        """The candles."""
        from candle_collector.adapters.sql.candles import SqlCandles

        return SqlCandles(self.database)

    @cached_property
    def leases(self) -> LeaseStore:
        """The lease."""
        from candle_collector.adapters.sql.leases import SqlLeases

        return SqlLeases(self.database)

    @cached_property
    def runs(self) -> RunStore:
        """The runs."""
        from candle_collector.adapters.sql.runs import SqlRuns

        return SqlRuns(self.database, now=self.clock.now)

    @cached_property
    def universes(self) -> UniverseStore:
        """The rankings of days."""
        from candle_collector.adapters.sql.universes import SqlUniverses

        return SqlUniverses(self.database)

    @cached_property
    def failed_starts(self) -> FailedStartStore:
        """The last scheduled start that failed."""
        from candle_collector.adapters.sql.failed_starts import SqlFailedStarts

        return SqlFailedStarts(self.database)

    @cached_property
    def series(self) -> SeriesStore:
        """The series' records."""
        from candle_collector.adapters.sql.series import SqlSeries

        return SqlSeries(self.database)

    @cached_property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter that all workers share."""
        from candle_collector.adapters.sql.rate_limiter import SqlRateLimiter

        return SqlRateLimiter(self.database)

    @cached_property
    def market_cache(self) -> MarketCache:
        """The market's last answers."""
        from candle_collector.adapters.sql.market_cache import SqlMarketCache

        return SqlMarketCache(self.database)

    @cached_property
    def listings(self) -> ListingStore:
        """What the exchange last said of each symbol."""
        from candle_collector.adapters.sql.listings import SqlListings

        return SqlListings(self.database)

    @cached_property
    def queue(self) -> MessageQueue:
        """The workers' queue, its receiving end too."""
        from candle_collector.adapters.sql.queue import SqlQueue

        return SqlQueue(self.database, self.clock)

    @cached_property
    def events(self) -> EventBus:
        """A line of the log, and whoever is notified."""
        from candle_collector.adapters.log_events import LogEvents
        from candle_collector.adapters.notifying_events import NotifyingEvents

        lines = LogEvents(self.settings.stage)
        if not self.notifier.is_used:
            return lines
        return NotifyingEvents(
            lines,
            self.notifier,
            stage=self.settings.stage,
            wanted=self.settings.notify_runs,
            health=self.health,
            clock=self.clock,
        )

    @cached_property
    def notifier(self) -> Notifier:
        """The webhook and the mail that the settings name."""
        from candle_collector.adapters.notifications.channels import Channels
        from candle_collector.adapters.notifications.mail import Mail
        from candle_collector.adapters.notifications.webhook import Webhook

        webhook, mail = self.settings.notify_webhook, self.settings.notify_mail
        return Channels([*([Webhook(webhook)] if webhook else []), *([Mail(mail)] if mail else [])])

    @cached_property
    def metrics(self) -> Metrics:
        """Nothing."""
        from candle_collector.adapters.no_metrics import NoMetrics

        return NoMetrics()

    @cached_property
    def keys(self) -> ApiKeyStore:
        """The keys' records."""
        from candle_collector.adapters.sql.keys import SqlKeys

        return SqlKeys(self.database)


@cache
def container() -> Container:
    """Return this process's adapters: those of a database where one is set, else those of AWS."""
    settings = Settings(os.environ)
    return SqlContainer(settings) if settings.database_url else Container(settings)


def load(*names: str) -> None:
    """Build adapters while a function starts, when Lambda gives it a whole core; elsewhere do nothing."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        for name in names:
            getattr(container(), name)


@cache
def authorizer() -> Callable[..., Caller]:
    """Return what decides on a request by the keys it carries."""
    from candle_collector.api.authorize import ANONYMOUS, PUBLIC, authorize

    adapters = container()
    if not adapters.settings.database_url:
        # Loaded now and used later: the authorizer calls this while it starts, when Lambda gives it a whole core.
        importlib.import_module("candle_collector.adapters.dynamodb.keys_table")

    def decide(offered: AbstractSet[str], *, needed: Scope, of_candles: bool) -> Caller:
        if not adapters.settings.api_key_required:
            return ANONYMOUS
        if of_candles and not offered and adapters.settings.public_reads:
            return PUBLIC
        return authorize(offered, needed=needed, store=adapters.keys, now=adapters.clock.now())

    return decide
