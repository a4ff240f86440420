"""How far a worker is with a series, and what an answer of the exchange changes.

An answer is believed as far as it can be checked. It may be cut at its head or tail, older than it seems, or about
another symbol. So the slots that it leaves out prove something only between rows, and only if it holds a candle that is
stored already, unchanged (`is_vouched`). What nothing vouches for is asked for once more.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import (
    Coverage,
    Settlement,
    gaps_between,
    settle_silence,
)
from candle_collector.domain.interval import Interval
from candle_collector.domain.market import Market
from candle_collector.domain.plan import RECENT_CANDLES, Request, count_requests, next_request
from candle_collector.domain.run import Mode
from candle_collector.domain.series_record import Dispute, SeriesRecord
from candle_collector.domain.windows import Window, Windows

SHORT_RANGE_DAYS = 7
"""A forward range up to this long is read alone, a longer one with the whole years that it touches."""

_slot = attrgetter("slot")


@dataclass(frozen=True)
class Progress:
    """What is known of a series, and what is still to be requested of it.

    Attributes
    ----------
    market
        Where the series trades.
    within
        The slots that the run is about.
    read
        The slots whose coverage was read: `within`, perhaps with the whole years around it.
    trading
        Whether the symbol trades.
    to_ask
        The slots that are still to be requested.
    window_slots, anchor_candles
        The most slots of a window, and of the stored candles that are asked for again before it.
    """

    market: Market
    within: Window
    read: Window
    trading: bool
    record: SeriesRecord
    coverage: Coverage
    to_ask: Windows
    window_slots: int
    anchor_candles: int

    @property
    def interval(self) -> Interval:
        """The interval of the series."""
        return self.record.series.interval

    def settled_end(self, answer: Answer) -> int:
        """Return the slot from which on an absence proves nothing: an exchange that is failing answers short."""
        return answer.closed_end - self.market.young_slots(self.interval)

    @property
    def stored_slots(self) -> int:
        """How many slots of the range are stored."""
        return windows.count(windows.clip(self.coverage.stored, self.within))

    @property
    def last_offered(self) -> int | None:
        """The slot of the last stored candle that the exchange has too, as far as is known."""
        last, offered = self.record.last, self.coverage.offered
        if last is None or not windows.contains(self.coverage.denied, last):
            return last
        return offered[-1].end - 1 if offered else None

    @property
    def missing(self) -> Windows:
        """The slots of the range that are missing."""
        return self.coverage.missing(self.within)

    @property
    def requests_left(self) -> int:
        """How many requests are left, as far as the answers hold what is expected."""
        return count_requests(self.to_ask, self.window_slots)

    @property
    def next_request(self) -> Request:
        """The request for the first window that is left; there is one."""
        return next_request(
            self.to_ask,
            self.coverage,
            interval=self.interval,
            market=self.market,
            window_slots=self.window_slots,
            candles=self.anchor_candles,
        )

    def stretch(self, window: Window) -> Window:
        """Return a window with the slots that follow it without a break and are still to be requested."""
        ends = [item.end for item in self.to_ask if item.start <= window.end <= item.end]
        return Window(window.start, max(ends, default=window.end))

    def giving_up(self, window: Window) -> Progress:
        """Return the progress without the slots of a window that could not be fetched."""
        return replace(self, to_ask=windows.subtract(self.to_ask, (window,)))


class Answer(NamedTuple):
    """What the exchange answered to a request for candles.

    Attributes
    ----------
    slots
        The slots of all rows, ascending, the running one and the rejected ones included.
    candles
        The closed candles among them.
    rejected
        The slots whose row was wrong each time it came, and why.
    closed_end
        The slot after the last closed one.
    """

    slots: Sequence[int]
    candles: Sequence[Candle]
    rejected: Mapping[int, str]
    closed_end: int


class Revision(NamedTuple):
    """A stored candle, and the one that the exchange has for its slot now."""

    stored: Candle
    offered: Candle


@dataclass(frozen=True)
class Learned:
    """What an answer brings.

    Attributes
    ----------
    progress
        The progress when all of it is stored.
    candles
        The candles that are wanted and not stored yet.
    never_printed
        The slots of the range that are newly proven to have no candle.
    rejected
        Why the row is wrong, by slot, of slots that were to be requested.
    left_out
        The slots that are missing all the same: this run asks for them no more.
    asked_to
        The slot up to which the answer settles the range.
    """

    progress: Progress
    candles: Sequence[Candle]
    never_printed: Windows
    rejected: Mapping[int, str]
    left_out: Windows
    asked_to: int


def window_to_read(mode: Mode, within: Window, interval: Interval) -> Window:
    """Return the slots whose coverage is read: whole years, so that their counts can be set, and a day before them.

    In that day are the stored candles that vouch for the first answer.
    """
    if not within.slots:
        return within
    if mode == "forward" and within.slots <= SHORT_RANGE_DAYS * interval.slots_a_day:
        return Window(within.start - RECENT_CANDLES, within.end)
    years = interval.whole_years(within)
    return Window(years.start - RECENT_CANDLES, years.end)


def is_vouched(request: Request, answer: Answer, known: Mapping[int, Candle]) -> bool:
    """Whether an answer holds one of the stored candles that were asked for with it, unchanged."""
    return any(known.get(candle.slot) == candle for candle in answer.candles if candle.slot in request.vouching)


def contradicts(progress: Progress, request: Request, answer: Answer, *, vouched: bool) -> bool:
    """Whether an answer does not fit what is stored, so that nothing of it is believed.

    It lacks every stored candle that was asked for with it, or has no new row though a later candle is stored.
    """
    new = _news(request, answer)
    last = progress.last_offered
    if not new and last is not None and last >= request.window.start:
        return True
    if request.neighbour is not None:  # one inside the window is news
        return bool(new) and new[0] >= request.window.end and not vouched
    return bool(request.anchor.slots) and not vouched


def revisions(request: Request, answer: Answer, known: Mapping[int, Candle]) -> list[Revision]:
    """Return the stored candles of a request's anchor that the exchange has another value for now.

    A candle with fewer trades than the stored one is older than it, and revises nothing.
    """
    pairs = [Revision(known[candle.slot], candle) for candle in _anchors(request, answer) if candle.slot in known]
    return [
        pair for pair in pairs if pair.offered != pair.stored and pair.offered.trade_count >= pair.stored.trade_count
    ]


def dispute(progress: Progress, found: Sequence[Revision], run_id: str) -> Dispute | None:
    """Return what an answer says where it has another value for each stored candle of a series; None where it has not.

    Nothing that is stored can vouch for such an answer: the first candles of a new symbol may all be revised.
    """
    stored = set(windows.slots_in(progress.coverage.stored))
    first = progress.record.first
    if not found or first is None or first < progress.read.start or {pair.stored.slot for pair in found} != stored:
        return None
    lines = "".join(f"{pair.offered.slot} {pair.offered.line()}\n" for pair in found)
    return Dispute(hashlib.sha256(lines.encode()).hexdigest(), run_id)


def learn(progress: Progress, request: Request, answer: Answer, *, vouched: bool, run_id: str) -> Learned:
    """Return what an answer brings that does not contradict what is stored.

    Parameters
    ----------
    vouched
        Whether it holds a stored candle unchanged.
    run_id
        The run that asked.
    """
    slots = _news(request, answer)
    if not slots:
        return _learn_silence(progress, request.window.start, run_id, answer.closed_end)
    record, coverage = progress.record, progress.coverage
    asked_to = slots[-1] + 1
    proof = _proof(progress, request, answer, vouched=vouched)
    rejected = {slot: why for slot, why in answer.rejected.items() if windows.contains(progress.to_ask, slot)}
    new = _wanted(answer.candles, progress, request, asked_to)
    stored = windows.union([*coverage.stored, *windows.from_slots(map(_slot, new))])
    if record.first is None and new:  # what silence alone has proven is asked for again, now that a candle vouches
        record = replace(record, absent=None)
    record = record.updated(stored, progress.read, proof).rejecting(rejected, stored)
    if record.silence and asked_to > record.silence.window.start:
        record = replace(record, silence=None)
    known = record.coverage(stored, coverage.never_printed)
    fresh = windows.clip(windows.subtract(proof.never_printed, known.covered()), progress.within)
    known = replace(known, never_printed=windows.union([*known.never_printed, *fresh]))
    doubtful = () if vouched else _doubtful(request, slots, known, progress.settled_end(answer))
    done = windows.subtract(windows.union([Window(request.window.start, asked_to)]), doubtful)
    settled = [*done, *proof.never_printed, *(window for window in (proof.absent,) if window)]
    # what seemed to lie before the listing is requested when an earlier candle has turned up
    released = windows.clip(windows.subtract(coverage.covered(), known.covered()), progress.within)
    left = windows.subtract(windows.union([*progress.to_ask, *released]), windows.union(settled))
    to_ask = windows.subtract(left, stored)
    after = replace(progress, record=record, coverage=known, to_ask=to_ask)
    is_stuck = (after.to_ask, after.coverage) == (progress.to_ask, coverage)
    if is_stuck or (after.to_ask and after.next_request == request):
        # nothing vouches for it: another run is to ask again, also for what the answer passed over
        after = after.giving_up(Window(request.window.start, max(request.window.end, slots[0])))
    return Learned(after, new, fresh, rejected, _left_out(progress, after), asked_to)


def _news(request: Request, answer: Answer) -> Sequence[int]:
    """Return the slots of the rows behind the anchor, without those before the window whose row is wrong again."""
    behind = answer.slots[bisect_left(answer.slots, request.anchor.end) :]
    if not answer.rejected:
        return behind
    return [slot for slot in behind if slot >= request.window.start or slot not in answer.rejected]


def _proof(progress: Progress, request: Request, answer: Answer, *, vouched: bool) -> Settlement:
    """Return what an answer proves of the slots that it leaves out."""
    if not vouched:
        return Settlement()
    if request.neighbour is None:
        return Settlement(gaps_between(answer.slots, progress.settled_end(answer)))
    # its first row is the first candle from the window's start on, mostly the one behind the window
    settled_end = progress.settled_end(answer)
    gaps = gaps_between(answer.slots, settled_end)
    empty = request.window.clip(
        Window(request.window.start, min(answer.slots[0], settled_end)),
    )
    first = progress.record.first
    if first is not None and first < request.window.start:
        return Settlement(windows.union([empty, *gaps]))
    return Settlement(gaps, absent=empty if empty.slots else None)


def _doubtful(request: Request, slots: Sequence[int], known: Coverage, settled_end: int) -> Windows:
    """Return the slots that an answer leaves out and that nothing vouches for: they are asked for once more.

    Those between its rows then have its candles before them, and those before its first candle have that behind them.
    """
    gaps = list(gaps_between(slots, settled_end))
    if windows.contains((*known.stored, *known.rejected), slots[0]):
        gaps.append(Window(request.window.start, slots[0]))
    return windows.union(gaps)


def _learn_silence(progress: Progress, start: int, run_id: str, closed_end: int) -> Learned:
    """Return what an answer without a new row brings: nothing more is asked for, and two runs that hear it prove it.

    The question had no end, so the answer is about all that follows. Of a symbol that trades and has candles it proves
    nothing: the exchange may be failing.
    """
    record, settled_end = progress.record, closed_end - progress.market.young_slots(progress.interval)
    is_without_candle = record.first is None
    proof = Settlement()
    if is_without_candle or not progress.trading:
        proven, silence = settle_silence(
            start, record.silence, run_id=run_id, closed_end=closed_end, settled_end=settled_end
        )
        record = replace(record, silence=silence)
        if not is_without_candle and record.delisted and record.delisted.start <= start <= record.delisted.end:
            # that it has ended is known; nothing came since
            proven = Window(start, max(start, settled_end))
        if proven and proven.slots:
            proof = Settlement(absent=proven) if is_without_candle else Settlement(delisted=proven)
    record = record.updated(progress.coverage.stored, progress.read, proof)
    known = record.coverage(progress.coverage.stored, progress.coverage.never_printed)
    to_ask = windows.clip(progress.to_ask, Window(progress.within.start, max(progress.within.start, start)))
    after = replace(progress, record=record, coverage=known, to_ask=to_ask)
    return Learned(after, (), (), {}, _left_out(progress, after), progress.within.end)


def _left_out(before: Progress, after: Progress) -> Windows:
    """Return the slots that were requested, are requested no more, and of which nothing is known."""
    return windows.subtract(windows.subtract(before.to_ask, after.to_ask), after.coverage.covered())


def _anchors(request: Request, answer: Answer) -> list[Candle]:
    return list(_of_window(answer.candles, request.anchor))


def _wanted(candles: Sequence[Candle], progress: Progress, request: Request, asked_to: int) -> list[Candle]:
    """Return the candles to store: of slots that are to be requested, past the window too, and of the anchor's gap.

    Where nothing is stored yet, a candle also denies what silence alone has proven.
    """
    reach = Window(request.window.start, max(request.window.end, asked_to))
    between = windows.subtract((Window(request.anchor.end, request.window.start),), progress.coverage.stored)
    absent = progress.coverage.absent
    silent = (absent,) if absent and progress.record.first is None else ()
    to_ask = windows.union([*progress.to_ask, *windows.clip(silent, progress.within)])
    wanted = windows.union([*windows.clip(to_ask, reach), *between])
    return [candle for window in wanted for candle in _of_window(candles, window)]


def _of_window(candles: Sequence[Candle], window: Window) -> Sequence[Candle]:
    """Return the candles of a window; they ascend."""
    return candles[bisect_left(candles, window.start, key=_slot) : bisect_left(candles, window.end, key=_slot)]
