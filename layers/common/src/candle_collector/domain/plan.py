"""The fewest requests that fetch what is missing."""

from __future__ import annotations

from bisect import bisect_right

from candle_collector.domain.windows import HOURS_A_DAY, Window, Windows


def plan_requests(missing: Windows, batch_size: int) -> Windows:
    """Return the smallest set of spans of at most `batch_size` hours that contain all `missing` hours.

    Neighbouring gaps share a span. Among the plans of that size, spans end at midnight UTC where they can, so that a
    day is written once. A span begins and ends with a missing hour; spans may touch.
    """
    spans: list[Window] = []
    left = _fewest(missing, batch_size, missing[0].start) if missing else 0
    at: int | None = missing[0].start if missing else None
    while at is not None:
        end = at + batch_size
        midnight = end - end % HOURS_A_DAY
        resume = _next_missing(missing, midnight)
        if midnight > at and (0 if resume is None else _fewest(missing, batch_size, resume)) < left:
            end = midnight
        spans.append(Window(at, _last_missing_before(missing, end) + 1))
        at = _next_missing(missing, end)
        left -= 1
    return tuple(spans)


def _fewest(missing: Windows, batch_size: int, start: int) -> int:
    """Count the spans that the missing hours from `start` on need; taking each as long as it goes is least."""
    spans = 0
    at: int | None = start
    while at is not None:
        spans += 1
        at = _next_missing(missing, at + batch_size)
    return spans


def _next_missing(missing: Windows, hour: int) -> int | None:
    """Return the first missing hour at or after `hour`."""
    index = bisect_right(missing, hour, key=lambda window: window.end)
    return max(hour, missing[index].start) if index < len(missing) else None


def _last_missing_before(missing: Windows, hour: int) -> int:
    """Return the last missing hour before `hour`; there is one."""
    index = bisect_right(missing, hour - 1, key=lambda window: window.start) - 1
    return min(hour, missing[index].end) - 1
