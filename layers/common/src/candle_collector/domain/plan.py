"""The fewest requests that fetch what is missing."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.coverage import Coverage
from candle_collector.domain.interval import Interval
from candle_collector.domain.market import Market
from candle_collector.domain.run import Mode
from candle_collector.domain.windows import Window, Windows

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
        The slots of stored candles before the window, which are asked for again; empty where none is next to it.
    neighbour
        Without an anchor, the slot of the stored candle behind the window. Then one row is asked for: the first candle
        from the window's start on. Such an answer cannot be cut at its head.
    between
        How many slots between the window and the stored candles may each take a row of the answer.
    """

    window: Window
    anchor: Window
    neighbour: int | None = None
    between: int = 0

    @property
    def start(self) -> int:
        """The slot that is asked from."""
        return self.anchor.start

    @property
    def limit(self) -> int:
        """How many rows are wanted; an answer may have fewer, and never more than the market's `rows_most`."""
        if self.neighbour is not None:
            return 1 + self.between
        return self.anchor.slots + self.between + self.window.slots

    @property
    def vouching(self) -> frozenset[int]:
        """The slots of the stored candles that vouch for the answer."""
        return frozenset(range(*self.anchor) if self.neighbour is None else (self.neighbour,))


def anchor_candles(mode: Mode) -> int:
    """Return how many stored candles a request of a run asks for again."""
    return RECENT_CANDLES if mode == "forward" else ANCHOR_CANDLES


def window_slots(mode: Mode, batch_size: int, market: Market) -> int:
    """Return the most slots of a window: an answer has to hold its anchor too."""
    return min(batch_size, market.rows_most - anchor_candles(mode))


def verified_slots(batch_size: int, market: Market) -> int:
    """Return the most slots of a window that is compared with what is stored."""
    return min(batch_size, market.rows_most)


def unanchored(window: Window) -> Request:
    """Return the request for a window where no stored candle is known next to it."""
    return Request(window, Window(window.start, window.start))


def next_request(
    to_ask: Windows, coverage: Coverage, *, interval: Interval, market: Market, window_slots: int, candles: int
) -> Request:
    """Return the request for the first slots of `to_ask`, with what vouches for its answer.

    That are up to `candles` stored slots that end where the window begins, else the stored slot where all that is asked
    for here ends. In between may lie slots that are known to have no candle, which take no row, and rejected ones;
    before a stored slot also some of which nothing is known, as many as may be young: those stay so, run after run.
    """
    window, whole = first_span(to_ask, window_slots, interval.block_slots), to_ask[0]
    before = next((known for known in reversed(coverage.offered) if known.end <= window.start), None)
    gap = Window(before.end if before else window.start, window.start)
    rejected, unknown = _rows_in(gap, coverage)
    if before and not unknown:
        return Request(window, Window(max(before.start, before.end - candles), before.end), between=rejected)
    after = next((known for known in coverage.offered if known.start >= whole.end), None)
    gap = Window(whole.end, after.start if after else whole.end)
    rejected, unknown = _rows_in(gap, coverage)
    if after and unknown <= market.young_slots(interval) and rejected + unknown < market.rows_most:
        return unanchored(whole)._replace(neighbour=after.start, between=rejected + unknown)
    return unanchored(window)


def _rows_in(gap: Window, coverage: Coverage) -> tuple[int, int]:
    """Return of how many slots without an offered candle the row is wrong, and of how many nothing is known."""
    unknown = windows.subtract((gap,), coverage.covered()) if gap.slots else ()
    return windows.count(windows.clip(coverage.rejected, gap)), windows.count(unknown)


def first_span(missing: Windows, batch_size: int, block_slots: int) -> Window:
    """Return the first of the fewest spans of at most `batch_size` slots that contain all `missing` slots; one is.

    Neighbouring gaps share a span. Of the plans with the fewest, that is taken whose spans end where blocks do, if they
    can, so that a block is written once. A span begins and ends with a missing slot; spans may touch. Those that follow
    are the first of what is missing after it, and are not worked out here.
    """
    at = missing[0].start
    end = at + batch_size
    border = end - end % block_slots
    # what follows the border needs one span fewer, or ending there costs one
    if border > at and count_requests(missing, batch_size, border) < count_requests(missing, batch_size):
        end = border
    return Window(at, _last_missing_before(missing, end) + 1)


def count_requests(missing: Windows, batch_size: int, start: int = 0) -> int:
    """Return how many spans the missing slots from `start` on need: as many as if each were as long as it may be."""
    spans, at = 0, start
    for window in missing[bisect_right(missing, start, key=lambda window: window.end) :]:
        begin = max(at, window.start)
        if begin < window.end:
            of_window = -(-(window.end - begin) // batch_size)
            spans += of_window
            at = begin + of_window * batch_size
    return spans


def _last_missing_before(missing: Windows, slot: int) -> int:
    """Return the last missing slot before `slot`; there is one."""
    index = bisect_right(missing, slot - 1, key=lambda window: window.start) - 1
    return min(slot, missing[index].end) - 1
