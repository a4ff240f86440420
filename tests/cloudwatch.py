"""CloudWatch's rules for the state of an alarm, without CloudWatch: a function of the alarm and of what was emitted.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, from stored copies;
its tables as https://qiita.com/aosho235/items/17385455f26fcb49f729 explains them, not tried on AWS.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.emf import Emitted

_STATISTICS: dict[str, Callable[[list[float]], float]] = {"Maximum": max, "Minimum": min, "Sum": math.fsum}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
}
_FURTHER_BACK = 2
"""How many periods more than it evaluates CloudWatch looks at where some have no data, in its own examples."""


class State(StrEnum):
    """The state of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    UNKNOWN = "INSUFFICIENT_DATA"


@dataclass(frozen=True)
class Alarm:
    """An alarm on one metric."""

    namespace: str
    metric: str
    dimensions: frozenset[tuple[str, str]]
    statistic: str
    period: int
    evaluated: int
    to_alarm: int
    comparison: str
    threshold: float
    missing: str

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Alarm:
        """Return the alarm of a template's resource, its references resolved or written as they are."""
        dimensions = frozenset((item["Name"], str(item["Value"])) for item in properties.get("Dimensions", []))
        evaluated = int(properties["EvaluationPeriods"])
        return cls(
            namespace=properties["Namespace"],
            metric=properties["MetricName"],
            dimensions=dimensions,
            statistic=properties["Statistic"],
            period=int(properties["Period"]),
            evaluated=evaluated,
            to_alarm=int(properties.get("DatapointsToAlarm", evaluated)),
            comparison=properties["ComparisonOperator"],
            threshold=float(properties["Threshold"]),
            missing=properties.get("TreatMissingData", "missing"),
        )

    def matches(self, value: Emitted) -> bool:
        """Return whether a value is of the alarm's metric: one with another set of dimensions is another metric."""
        return (value.namespace, value.name, value.dimensions) == (self.namespace, self.metric, self.dimensions)

    def after(self, state: State, points: Sequence[bool | None]) -> State:
        """Return the state after `state`, by whether the newest periods breach; None is a period without data.

        Where enough periods have data, only these count, however old within the range; else as many without data as
        are needed to evaluate count as the alarm says.
        """
        known = [point for point in points[-self.evaluated - _FURTHER_BACK :] if point is not None]
        if None not in points[-self.evaluated :]:
            known = [point for point in points[-self.evaluated :] if point is not None]
        known = known[-self.evaluated :]
        filled = self.evaluated - len(known)
        breaching = sum(known)
        if filled and self.missing == "breaching":
            return State.ALARM if breaching + filled >= self.to_alarm else State.OK
        if filled and self.missing == "notBreaching":
            return State.ALARM if breaching >= self.to_alarm else State.OK
        if breaching >= self.to_alarm:
            return State.ALARM
        if not filled or breaching < len(known):
            return State.OK
        if self.missing == "missing" and (not known or self._is_old_enough(points)):
            return State.ALARM if known else State.UNKNOWN
        return state

    def _is_old_enough(self, points: Sequence[bool | None]) -> bool:
        """Return whether the oldest of the newest periods with data is as old as an alarm needs, if all of them breach.

        CloudWatch so keeps an alarm from firing on a single late value.
        """
        ages = [age for age, point in enumerate(reversed(points[-self.evaluated :]), start=1) if point is not None]
        return max(ages, default=0) >= self.to_alarm

    def history(self, values: Iterable[Emitted], start: float, end: float) -> Iterator[tuple[float, State]]:
        """Yield the state at the end of each period from `start` to `end`, in seconds since 1970."""
        by_period: dict[int, list[float]] = {}
        for value in values:
            if self.matches(value):
                by_period.setdefault(int(value.at // self.period), []).append(value.value)
        breaches = _COMPARISONS[self.comparison]
        state, points = State.UNKNOWN, list[bool | None]([None] * (self.evaluated + _FURTHER_BACK))
        for number in range(int(start // self.period), int(end // self.period)):
            found = by_period.get(number)
            points.append(breaches(_STATISTICS[self.statistic](found), self.threshold) if found else None)
            state = self.after(state, points)
            yield (number + 1) * self.period, state
