"""A world that runs for days by its schedules, as a stack on AWS does, and emits what CloudWatch would see of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from candle_collector.collecting.measure_archive import measure_archive
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain.interval import Interval
from candle_collector.errors import CollectionInProgressError, CollectorError

from tests.emf import Emitted
from tests.fakes.recorded_metrics import RecordedMetrics
from tests.fakes.world import World

ROUND_SECONDS = 300
STARTS_EVERY = 6 * 3600
PUBLISHED_EVERY = 60
SERVICE = frozenset({("service", "candles")})


class WatchedWorld(World):
    """The reconciler's rounds, and starts every 6 hours.

    What AWS publishes of itself is added as AWS does: errors of a function for each call, the messages of a queue once
    a minute while there are any.

    Attributes
    ----------
    tending
        Whether the reconciler looks after runs. It measures all the same.
    reconciling
        Whether it is called at all.
    starting
        Whether schedules start anything.
    """

    def __init__(self, printed: Mapping[str, Iterable[int]], **exchange: Any) -> None:
        super().__init__(printed, **exchange)
        self.recorded = RecordedMetrics(self.clock)
        self.metrics = self.recorded
        self.published: list[Emitted] = []
        self.began = self.now
        self.tending = self.reconciling = self.starting = self.working = True

    @property
    def now(self) -> float:
        """The time of the world, in seconds since 1970."""
        return self.clock.now().timestamp()

    @property
    def values(self) -> list[Emitted]:
        """All that CloudWatch has."""
        return [*self.recorded.values, *self.published]

    def publish(self, namespace: str, name: str, value: float, **dimensions: str) -> None:
        """Add what AWS says of itself."""
        self.published.append(Emitted(namespace, name, frozenset(dimensions.items()), "Count", value, self.now, {}))

    def pass_hours(self, hours: float) -> None:
        """Let time pass, with all that happens by itself."""
        for _ in range(round(hours * 3600 / PUBLISHED_EVERY)):
            self._work()
            if self.now % STARTS_EVERY == 5 * 60 and self.starting:
                self._start()
            if self.now % ROUND_SECONDS == 0 and self.reconciling:
                self._round()
            if self.queue.dead:
                queue = "{'Fn::GetAtt': ['CollectDeadLetterQueue', 'QueueName']}"
                self.publish("AWS/SQS", "ApproximateNumberOfMessagesVisible", len(self.queue.dead), QueueName=queue)
            self.clock.advance(PUBLISHED_EVERY)

    def _work(self) -> None:
        """Let workers take what waits; one that fails leaves its message to come back."""
        while self.working and self._deliver():
            pass

    def _deliver(self) -> bool:
        try:
            return self.deliver()
        except CollectorError:
            return True

    def _start(self) -> None:
        request = RunRequest("forward", occurrence=f"forward#{self.now}")
        failed = 0
        try:
            start_run(request, self.defaults, self.run_ports())
        except CollectionInProgressError:
            pass
        except CollectorError:
            failed = 1
        self.publish("AWS/Lambda", "Errors", failed, FunctionName="{'Ref': 'TriggerFunction'}")

    def _round(self) -> None:
        failed = 0
        try:
            if self.tending:
                self.tend()
        except CollectorError:
            failed = 1
        figures = measure_archive(self.runs, self.series, self.rate_limiter, self.clock.now(), frozenset(Interval))
        self.recorded.archive_stands(figures)
        self.publish("AWS/Lambda", "Errors", failed, FunctionName="{'Ref': 'ReconcilerFunction'}")
