"""The fewest requests that fetch what is missing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from operator import lt
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.coverage import YOUNG_HOURS, Coverage
from candle_collector.domain.run import Mode
from candle_collector.domain.windows import HOURS_A_DAY, Window, Windows

ROWS_MOST = 1000
"""The most rows of an answer (Binance's rest-api.md)."""

ANCHOR_CANDLES = 2
"""How many stored candles are asked for again before a window: an answer that holds one of them unchanged is about
this series, and begins where it was asked to. Two, because the exchange may have revised one."""

RECENT_CANDLES = 24
"""How many of the newest stored candles a forward run asks for again, as the exchange may have revised them since."""


class Request(NamedTuple):
    """A question to the exchange about a window, and about a stored candle beside it that vouches for the answer.

    Attributes
    ----------
    anchor
        The hours of stored candles before the window, which are asked for again; empty where none is next to it.
    neighbour
        Without an anchor, the hour of the stored candle behind the window. Then one row is asked for: the first candle
        from the window's start on. Such an answer cannot be cut at its head.
    between
        How many hours between the window and the stored candles may each take a row of the answer.
    """

    window: Window
    anchor: Window
    neighbour: int | None = None
    between: int = 0

    @property
    def start(self) -> int:
        """The hour that is asked from."""
        return self.anchor.start

    @property
    def limit(self) -> int:
        """How many rows are asked for."""
        if self.neighbour is not None:
            return 1 + self.between
        return min(ROWS_MOST, self.anchor.hours + self.between + self.window.hours)

    @property
    def vouching(self) -> frozenset[int]:
        """The hours of the stored candles that vouch for the answer."""
        return frozenset(range(*self.anchor) if self.neighbour is None else (self.neighbour,))


def anchor_candles(mode: Mode) -> int:
    """Return how many stored candles a request of a run asks for again."""
    return RECENT_CANDLES if mode == "forward" else ANCHOR_CANDLES


def window_hours(mode: Mode, batch_size: int) -> int:
    """Return the most hours of a window: an answer has to hold its anchor too."""
    return min(batch_size, ROWS_MOST - anchor_candles(mode))


def verified_hours(batch_size: int) -> int:
    """Return the most hours of a window that is compared with what is stored."""
    return min(batch_size, ROWS_MOST)


def unanchored(window: Window) -> Request:
    """Return the request for a window where no stored candle is known next to it."""
    return Request(window, Window(window.start, window.start))


def next_request(to_ask: Windows, coverage: Coverage, *, window_hours: int, candles: int) -> Request:
    """Return the request for the first hours of `to_ask`, with what vouches for its answer.

    That are up to `candles` stored hours that end where the window begins, else the stored hour where all that is asked
    for here ends. In between may lie hours that are known to have no candle, which take no row, and rejected ones;
    before a stored hour also up to a day of hours of which nothing is known: young ones stay so, run after run.
    """
    window, whole = first_span(to_ask, window_hours), to_ask[0]
    before = next((known for known in reversed(coverage.offered) if known.end <= window.start), None)
    gap = Window(before.end if before else window.start, window.start)
    rejected, unknown = _rows_in(gap, coverage)
    if before and not unknown:
        return Request(window, Window(max(before.start, before.end - candles), before.end), between=rejected)
    after = next((known for known in coverage.offered if known.start >= whole.end), None)
    gap = Window(whole.end, after.start if after else whole.end)
    rejected, unknown = _rows_in(gap, coverage)
    if after and unknown <= YOUNG_HOURS:
        return unanchored(whole)._replace(neighbour=after.start, between=rejected + unknown)
    return unanchored(window)


def _rows_in(gap: Window, coverage: Coverage) -> tuple[int, int]:
    """Return of how many hours without an offered candle the row is wrong, and of how many nothing is known."""
    unknown = windows.subtract((gap,), coverage.covered()) if gap.hours else ()
    return windows.count(windows.clip(coverage.rejected, gap)), windows.count(unknown)


def plan_requests(missing: Windows, batch_size: int) -> Windows:
    """Return the smallest set of spans of at most `batch_size` hours that contain all `missing` hours.

    Neighbouring gaps share a span. Among the plans of that size, spans end at midnight UTC where they can, so that a
    day is written once. A span begins and ends with a missing hour; spans may touch.
    """
    spans: list[Window] = []
    at: int | None = missing[0].start if missing else None
    reached = _reached_from_behind(missing, batch_size)
    while at is not None:
        reached.pop()
        # what follows the cut needs one span fewer, or the cut costs one
        span = _span_from(missing, batch_size, at, partial(lt, reached[-1]))
        spans.append(span)
        at = _next_missing(missing, span.end)
    return tuple(spans)


def _reached_from_behind(missing: Windows, batch_size: int) -> list[int]:
    """Return, for 0, 1, 2 ... spans, the last missing hour that so many cannot reach if they are laid from the end."""
    reached: list[int] = []
    hour = missing[-1].end - 1 if missing else None
    while hour is not None:
        reached.append(hour)
        before = hour - batch_size + 1
        hour = _last_missing_before(missing, before) if missing[0].start < before else None
    return [*reached, -1]


def first_span(missing: Windows, batch_size: int) -> Window:
    """Return the first span of the plan for `missing` hours, of which there is one; the others are not worked out."""
    left = count_requests(missing, batch_size)
    return _span_from(
        missing,
        batch_size,
        missing[0].start,
        lambda midnight: count_requests(missing, batch_size, midnight) < left,
    )


def count_requests(missing: Windows, batch_size: int, start: int = 0) -> int:
    """Return how many spans the missing hours from `start` on need: as many as if each were as long as it may be."""
    spans, at = 0, start
    for window in missing[bisect_right(missing, start, key=lambda window: window.end) :]:
        begin = max(at, window.start)
        if begin < window.end:
            of_window = -(-(window.end - begin) // batch_size)
            spans += of_window
            at = begin + of_window * batch_size
    return spans


def _span_from(missing: Windows, batch_size: int, at: int, is_free: Callable[[int], bool]) -> Window:
    """Return the span that begins at the missing hour `at`.

    Parameters
    ----------
    is_free
        Whether a span that ends at a midnight leaves no more to those that follow than one that is as long as it may
        be.
    """
    end = at + batch_size
    midnight = end - end % HOURS_A_DAY
    if midnight > at and is_free(midnight):
        end = midnight
    return Window(at, _last_missing_before(missing, end) + 1)


def _next_missing(missing: Windows, hour: int) -> int | None:
    """Return the first missing hour at or after `hour`."""
    index = bisect_right(missing, hour, key=lambda window: window.end)
    return max(hour, missing[index].start) if index < len(missing) else None


def _last_missing_before(missing: Windows, hour: int) -> int:
    """Return the last missing hour before `hour`; there is one."""
    index = bisect_right(missing, hour - 1, key=lambda window: window.start) - 1
    return min(hour, missing[index].end) - 1
