"""Metrics as CloudWatch reads them out of a log: lines of its embedded metric format."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple


class Emitted(NamedTuple):
    """A value of a metric.

    Attributes
    ----------
    at
        When, in seconds since 1970.
    logged
        What else the line has: it can be searched for, and makes no metric.
    """

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    unit: str
    value: float
    at: float
    logged: dict[str, Any]


def emitted(text: str) -> list[Emitted]:
    """Return the values of all lines that CloudWatch would take as metrics."""
    return [value for line in text.splitlines() if line.startswith("{") for value in _values(json.loads(line))]


def _values(line: dict[str, Any]) -> Iterator[Emitted]:
    if "_aws" not in line:
        return
    at = line["_aws"]["Timestamp"] / 1000
    for directive in line["_aws"]["CloudWatchMetrics"]:
        (names,) = directive["Dimensions"]
        metrics = [metric["Name"] for metric in directive["Metrics"]]
        logged = {name: line[name] for name in line.keys() - {"_aws", *names, *metrics}}
        for metric in directive["Metrics"]:
            written = line[metric["Name"]]
            for value in written if isinstance(written, list) else [written]:
                dimensions = frozenset((name, line[name]) for name in names)
                yield Emitted(directive["Namespace"], metric["Name"], dimensions, metric["Unit"], value, at, logged)


def sums(values: Iterable[Emitted], run_id: str | None = None) -> dict[str, float]:
    """Return the sum of each metric, perhaps of one run alone."""
    found: dict[str, float] = defaultdict(float)
    for value in values:
        if run_id in {None, value.logged.get("run_id")}:
            found[value.name] += value.value
    return dict(found)


def moment(at: float) -> datetime:
    """Return the time of a value."""
    return datetime.fromtimestamp(at, UTC)
