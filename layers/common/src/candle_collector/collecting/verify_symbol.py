"""A worker's turn at one symbol of a verification: stored candles beside the exchange's, and repair where it is wanted.

Without repair nothing is written but the run's own record.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from candle_collector.collecting.series_range import stored_range
from candle_collector.collecting.symbol_turn import ANSWERS_REFUSED_MOST, Next, SymbolTurn
from candle_collector.collecting.worker_ports import WorkerPorts
from candle_collector.domain import windows
from candle_collector.domain.candle import candle_from_line
from candle_collector.domain.comparison import Comparison, Difference
from candle_collector.domain.failed_window import renew
from candle_collector.domain.interval import Interval
from candle_collector.domain.plan import Request, unanchored, verified_slots
from candle_collector.domain.progress import Answer, Revision, window_to_read
from candle_collector.domain.run import Failure, Run, RunSeriesRecord, with_missing
from candle_collector.domain.verdict import (
    Part,
    Reading,
    Verdict,
    compare,
    explain,
    judge_comparison,
    read_answer,
    windows_to_compare,
)
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import FetchedCandles

log = logging.getLogger(__name__)

REPAIRED_AT_ONCE = 50
"""How many candles are repaired before the turn's time is looked at: each is a transaction of some 10 to 30 ms."""

_NO_ROW = "the exchange has no candle from there on, though some are stored"
_DISAGREE = "the exchange's answers differ from each other"


class VerifyTurn(SymbolTurn):
    """Ask for the windows of what is stored, compare, and repair."""

    def __init__(self, ports: WorkerPorts, run: Run, record: RunSeriesRecord) -> None:
        super().__init__(ports, run, record)
        within = record.range or stored_range(
            run.mode, run.window(record.series.interval), self._kept_record, ports.candles
        )
        self._within = within
        self._read = window_to_read(run.mode, within, record.series.interval)
        blocks = ports.candles.coverage(record.series, self._read)
        self._stored, self._never_printed = blocks.stored, blocks.never_printed
        self._noted_series = self._kept_record.updated(self._stored, self._read).rejecting({}, self._stored)
        chosen = windows_to_compare(
            windows.union([*blocks.stored, *blocks.never_printed]),
            within,
            slots=verified_slots(run.batch_size, ports.exchange.market),
            sample=run.sample,
            seed=f"{run.run_id} {record.series}",
        )
        asked_to = within.start if record.asked_to is None else record.asked_to
        self._left = windows.clip(chosen, Window(asked_to, within.end))
        self._first: Reading | None = None
        self._empty = 0
        stored_before = self._stored_slots if record.stored_before is None else record.stored_before
        self._comparison = record.comparison or Comparison()
        self._record = replace(record, range=within, stored_before=stored_before)
        self._count_added()

    @property
    def _stored_slots(self) -> int:
        """How many slots of the range are stored."""
        return windows.count(windows.clip(self._stored, self._within))

    def _count_added(self) -> None:
        """Count what this run has stored by what is stored now, so that no crash loses any of it."""
        added = self._stored_slots - (self._record.stored_before or 0)
        self._comparison = replace(self._comparison, added=added)
        self._write_down()

    def _write_down(self) -> None:
        """Bring the record up to the comparison."""
        self._record = replace(self._record, comparison=self._comparison, records=self._comparison.repaired)

    # ask

    @property
    def _to_ask(self) -> Windows:
        """The windows that are still to be compared."""
        return self._left

    def _requests_left(self) -> int:
        """Return how many windows these are."""
        return len(self._left)

    def _prepare(self) -> bool:
        """Return whether anything is to be compared; with repair, bring the series' record up to what is stored."""
        if self._run.repair:
            self._keep_series(self._noted_series)
        return bool(self._left)

    def _next_request(self) -> Request:
        """Return the request for the first window, without an anchor: all of its candles are compared."""
        return unanchored(self._left[0])

    def _leave_out(self, window: Window) -> None:
        """Go on behind the window."""
        self._advance(window.end)

    def _note_failed(self, window: Window, attempts: int, error: str) -> None:
        """Keep nothing: the series' record names what is missing, and here nothing is."""

    def _advance(self, slot: int) -> None:
        """Go on at this slot, or where the next window begins."""
        self._left = windows.clip(self._left, Window(slot, max(slot, self._within.end)))
        asked_to = self._left[0].start if self._left else self._within.end
        self._record = replace(self._record, attempts=0, asked_to=asked_to)
        self._first = None
        self._empty = 0

    # compare

    def _check(self, request: Request, fetched: FetchedCandles) -> Next:
        """Compare an answer with what is stored; one that differs is asked for once more."""
        window, series = request.window, self._record.series
        self._record = replace(self._record, attempts=0)
        answer = Answer(fetched.slots, fetched.candles, fetched.rejected, fetched.closed_end)
        candles = self._ports.candles.candles(series, window, limit=window.slots)
        stored = {candle.slot: candle.line() for candle in candles}
        reading = read_answer(answer, window, stored)
        if reading.end == window.start:
            self._empty += 1
            return (
                Next.ASK
                if self._empty < ANSWERS_REFUSED_MOST
                else self._give_up(window, _no_row(window, series.interval))
            )
        if self._first is None and reading.differing(stored):
            self._first = reading
            return Next.ASK
        verdict = compare(window, stored, self._first or reading, reading)
        if verdict.is_another_series:
            log.warning(
                "more than half of a window differs: perhaps the candles of another symbol are stored",
                extra={
                    "symbol": series.symbol,
                    "interval": str(series.interval),
                    "window": [series.interval.format(slot) for slot in verdict.window],
                },
            )
        return self._settle(verdict)

    def _settle(self, verdict: Verdict) -> Next:
        """Count what was compared and repair it, in parts, as far as the time goes."""
        for number, part in enumerate(verdict.parts(REPAIRED_AT_ONCE)):
            if number and self._run.repair and not self._requests.has_time():
                return self._requeue(0)  # what is left of the window is compared again
            self._keep(part)
            self._advance(part.window.end)
        if self._left:  # else the outcome follows
            self._save()
        return Next.ASK

    def _keep(self, part: Part) -> None:
        """Repair a part of a window, where that is wanted, and count it."""
        if part.doubtful:
            failure = Failure("invalid_answer", _DISAGREE)
            self._record = replace(self._record.giving_up(*part.doubtful), failure=failure)
        repaired: frozenset[int] = frozenset()
        if part.differences:
            self._comparison = self._comparison.listing(part.differences)
            self._write_down()
        if self._run.repair:
            if part.differences:
                self._save()  # listed before they are repaired: afterwards a worker that died would find no difference
                self._repair(part.differences)
            repaired = self._replaced(part.window)
        left = [
            item
            for item in part.differences
            if item.slot not in repaired and (item.stored or not windows.contains(self._stored, item.slot))
        ]
        if self._run.repair:
            denied = [item.slot for item in left if not item.offered]
            self._noted_series = self._noted_series.denying(part.window, denied)
            self._keep_series(self._noted_series)
        self._comparison = self._comparison.counting(compared=part.compared, replaced=len(repaired), left=left)
        self._count_added()

    # repair

    def _repair(self, differences: Sequence[Difference]) -> None:
        """Replace what differs and keep both values, and store what was not stored; nothing is deleted."""
        candles, series = self._ports.candles, self._record.series
        offered = [(item, candle_from_line(item.slot, item.offered)) for item in differences if item.offered]
        wrong = [Revision(candle_from_line(item.slot, item.stored), candle) for item, candle in offered if item.stored]
        lacking = [candle for item, candle in offered if not item.stored]
        if wrong:
            log.warning(
                "candles are replaced",
                extra={"symbol": series.symbol, "interval": str(series.interval), "candles": len(wrong)},
            )
            now = self._ports.clock.now()
            candles.revise(series, wrong, run_id=self._run.run_id, at=now, fence=self._check_claim)
        if lacking:
            candles.store(series, lacking, (), absent_blocks=frozenset(), fence=self._check_claim)
            added = windows.from_slots(candle.slot for candle in lacking)
            self._stored = windows.union([*self._stored, *added])
            self._noted_series = self._noted_series.updated(self._stored, self._read).rejecting({}, self._stored)

    def _replaced(self, window: Window) -> frozenset[int]:
        """Return the slots of a window that this run has replaced, before a worker died too."""
        revised = self._ports.candles.revised(self._record.series, window)
        return frozenset(item.revision.stored.slot for item in revised if item.run_id == self._run.run_id)

    # end

    def _noted(self) -> RunSeriesRecord:
        """Note what was not compared on the run's record, and with repair what is missing on the series'."""
        if self._run.repair:
            coverage = self._noted_series.coverage(self._stored, self._never_printed)
            failed = renew(self._noted_series.failed_windows, (), coverage.missing(self._within), self._within)
            self._noted_series = replace(self._noted_series, failed_windows=failed)
            self._keep_series(self._noted_series)
            self._ports.candles.write_coverage(self._record.series, fence=self._check_claim)
        missing = windows.union([*self._record.given_up, *self._left])
        return with_missing(
            replace(self._record, first=self._noted_series.first, last=self._noted_series.last), missing
        )

    def _judged(self) -> RunSeriesRecord:
        """Return the record with the outcome that the comparison deserves."""
        record = self._noted()
        failure = explain(
            self._comparison, record.missing, record.failure, record.series.interval, repair=self._run.repair
        )
        return replace(record, outcome=judge_comparison(self._comparison, record.missing), failure=failure)


def _no_row(window: Window, interval: Interval) -> Failure:
    return Failure("short_answer", f"{interval.format(window.start)}: {_NO_ROW}")
