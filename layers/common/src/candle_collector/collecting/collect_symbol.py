"""A worker's turn at one symbol of a run: read what is stored, request what is missing, store after each answer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from operator import attrgetter

from candle_collector.collecting.end_run import leave_run
from candle_collector.collecting.series_range import stored_range
from candle_collector.collecting.symbol_turn import ANSWERS_REFUSED_MOST, Next, SymbolTurn
from candle_collector.collecting.verify_symbol import VerifyTurn
from candle_collector.collecting.worker_ports import WorkerPorts
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.failed_window import FailedWindow, left, renew
from candle_collector.domain.plan import Request, anchor_candles, unanchored, window_slots
from candle_collector.domain.progress import (
    Answer,
    Learned,
    Progress,
    Revision,
    contradicts,
    dispute,
    is_vouched,
    learn,
    revisions,
    window_to_read,
)
from candle_collector.domain.run import Failure, Run, RunSeriesRecord, RunState, judge, with_missing
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import StaleTurnError
from candle_collector.ports import FetchedCandles

log = logging.getLogger(__name__)

REJECTED = "rejected_row"
"""The kind of the failure where the exchange's row of a slot was wrong each time."""

_NO_CANDLE = "the exchange has no candle for these slots yet"
_DIFFERS = "the exchange's answer does not fit the candles that are stored beside it; `candles verify` compares them"


def collect_symbol(message: SeriesMessage, ports: WorkerPorts) -> None:
    """Do the work of a message; a message that comes too late or twice does nothing.

    Raises
    ------
    Exception
        Whatever the stores raise: the message comes back after its visibility, and nothing stored is lost.
    """
    run = ports.runs.get(message.run_id)
    record = ports.runs.symbol(message.run_id, message.series)
    where = {"run_id": message.run_id, "symbol": message.series.symbol, "interval": str(message.series.interval)}
    if run is None or record is None or run.state is not RunState.ACTIVE:
        log.warning("dropped: the run is not active", extra=where)
        return
    if not record.outcome.open:  # it ended, but perhaps the step after that was lost
        leave_run([record], ports)
        return
    now = ports.clock.now()
    claimed = record.claimed(message.turn, now=now, until=now + timedelta(seconds=ports.claim_seconds))
    if claimed is None:
        log.info("dropped: another turn or worker has the symbol", extra=where)
        return
    try:
        turn = VerifyTurn if run.mode == "verify" else _CollectTurn
        turn(ports, run, ports.runs.put_symbol(claimed)).work()
    except StaleTurnError as error:
        log.info("stopped: another process has the symbol", extra={**where, "reason": str(error)})


class _CollectTurn(SymbolTurn):
    """Read what is stored, request what is missing, store after each answer."""

    def __init__(self, ports: WorkerPorts, run: Run, record: RunSeriesRecord) -> None:
        super().__init__(ports, run, record)
        noted, interval = self._kept_record, record.series.interval
        if record.trading and noted.delisted:  # it is listed again: what follows its delisting is requested
            noted = replace(noted, delisted=None)
        within = record.range or stored_range(run.mode, run.window(interval), noted, ports.candles)
        self._record = replace(record, range=within)
        self._progress, self._absent_blocks = self._read(noted, within)
        self._failed_windows: list[FailedWindow] = []
        self._known: dict[int, Candle] = {}

    @property
    def _to_ask(self) -> Windows:
        """The missing slots that are still to be requested."""
        return self._progress.to_ask

    def _requests_left(self) -> int:
        """Return how many windows they lie in."""
        return self._progress.requests_left

    def _prepare(self) -> bool:
        """Bring the series' record and this run's up to what is stored, and return whether anything is missing."""
        # a crash may have left the record behind the candles, and what is found without a record is not listed
        self._keep_series(self._progress.record)
        stored = self._progress.stored_slots
        if self._record.stored_before is not None:  # the same
            self._record = replace(self._record, records=stored - self._record.stored_before)
        elif self._to_ask:
            # saved before anything is stored, so that what this run stored is known after any crash
            self._record = replace(self._record, stored_before=stored)
        return bool(self._to_ask)

    # read

    def _read(self, noted: SeriesRecord, within: Window) -> tuple[Progress, frozenset[int]]:
        """Read the coverage of the range, and return it with the blocks that have no item."""
        interval = noted.series.interval
        read = window_to_read(self._run.mode, within, interval)
        blocks = self._ports.candles.coverage(noted.series, read)
        known = noted.updated(blocks.stored, read).rejecting({}, blocks.stored)
        coverage = known.coverage(blocks.stored, blocks.never_printed)
        missing = coverage.missing(within)
        if self._run.recheck:
            left = Window(self._record.asked_to or within.start, within.end).clip(within)
            missing = windows.union([*missing, *windows.subtract(windows.union([left]), blocks.stored)])
        market = self._ports.exchange.market
        progress = Progress(
            market=market,
            within=within,
            read=read,
            trading=self._record.trading,
            record=known,
            coverage=coverage,
            to_ask=windows.subtract(missing, self._record.given_up),
            window_slots=window_slots(self._run.mode, self._run.batch_size, market),
            anchor_candles=anchor_candles(self._run.mode),
        )
        return progress, interval.blocks_in(windows.union([read])) - blocks.blocks

    # ask

    def _next_request(self) -> Request:
        """Return the next request; the stored candles that are to vouch for its answer are at hand."""
        request = self._progress.next_request
        if not request.vouching <= self._known.keys():
            within = Window(min(request.vouching), max(request.vouching) + 1)
            stored = self._ports.candles.candles(self._record.series, within, limit=within.slots)
            self._known |= {candle.slot: candle for candle in stored}
        return request if request.vouching & self._known.keys() else unanchored(request.window)

    def _leave_out(self, window: Window) -> None:
        """Request the window no more in this run."""
        self._progress = self._progress.giving_up(window)

    def _note_failed(self, window: Window, attempts: int, error: str) -> None:
        """Keep it for the series' record."""
        self._failed_windows.append(FailedWindow(window, attempts, error))

    # store

    def _check(self, request: Request, fetched: FetchedCandles) -> Next:
        """Keep an answer that can be believed; one that cannot is asked for once more, and then left to another run."""
        answer = Answer(fetched.slots, fetched.candles, fetched.rejected, fetched.closed_end)
        vouched = is_vouched(request, answer, self._known)
        if contradicts(self._progress, request, answer, vouched=vouched):
            if not self._settles_dispute(request, answer):
                return self._refuse(request)
            vouched = True
        elif vouched and self._run.mode == "forward":
            self._revise(revisions(request, answer, self._known))
        learned = learn(self._progress, request, answer, vouched=vouched, run_id=self._run.run_id)
        # said of what is missing in the end
        self._note_failed(request.window, 1 + fetched.retries, _NO_CANDLE)
        self._keep(learned)
        return Next.ASK

    def _settles_dispute(self, request: Request, answer: Answer) -> bool:
        """Replace all candles of a young series where two runs have heard that the exchange has revised each of them.

        What the first of them hears is kept for the second.
        """
        found = revisions(request, answer, self._known)
        heard = dispute(self._progress, found, self._run.run_id) if self._run.mode == "forward" else None
        if heard is None:
            return False
        record = self._progress.record
        kept = record.disputed
        is_settled = kept is not None and kept.digest == heard.digest and kept.run_id != heard.run_id
        if is_settled:
            self._revise(found)
        if is_settled or kept is None or kept.digest != heard.digest:
            record = replace(record, disputed=None if is_settled else heard)
            self._progress = replace(self._progress, record=record)
            self._keep_series(record)
        return is_settled

    def _refuse(self, request: Request) -> Next:
        """Store nothing of an answer that does not fit what is stored.

        With a window are given up the slots that follow it: they would be asked for without a candle before them.
        """
        failure = Failure("differs", _DIFFERS)
        refused = self._record.refused + 1
        self._record = replace(self._record, attempts=0, refused=refused)
        log.warning("answer refused", extra={"symbol": self._record.symbol, "reason": failure.message})
        if refused < ANSWERS_REFUSED_MOST:
            return Next.ASK
        self._note_failed(request.window, refused, failure.message)
        return self._give_up(self._progress.stretch(request.window), failure)

    def _keep(self, learned: Learned) -> None:
        """Write down how far the symbol is without an answer, and then store what it brings and proves."""
        self._progress = learned.progress
        self._known = {candle.slot: candle for candle in learned.candles}
        if self._progress.to_ask:
            self._requests.start_next(self._next_request)
        # before the series' record, by which they are not asked for again
        self._record = self._record.rejecting(windows.from_slots(learned.rejected))
        self._save_before_storing()
        self._ports.candles.store(
            self._record.series,
            learned.candles,
            learned.never_printed,
            absent_blocks=self._absent_blocks,
            fence=self._check_claim,
        )
        written = [*windows.from_slots(map(attrgetter("slot"), learned.candles)), *learned.never_printed]
        self._absent_blocks -= self._record.series.interval.blocks_in(windows.union(written))
        record = self._record.giving_up(*learned.left_out)
        self._record = replace(  # saved before the next answer is stored, or with the end of the turn
            record,
            asked_to=max(record.asked_to or learned.asked_to, learned.asked_to),
            records=self._progress.stored_slots - (record.stored_before or 0),
        )
        if self._progress.record.says_more_than(self._kept_record):
            self._keep_series(self._progress.record)

    def _revise(self, found: Sequence[Revision]) -> None:
        """Replace stored candles, of the newest, that the exchange has revised since; both values are kept."""
        for revision in found:
            log.warning(
                "the exchange has revised a candle",
                extra={
                    "symbol": self._record.symbol,
                    "slot": self._record.series.interval.format(revision.stored.slot),
                },
            )
        if found:
            self._save_before_storing()
            run_id, now = self._run.run_id, self._ports.clock.now()
            self._ports.candles.revise(self._record.series, found, run_id=run_id, at=now, fence=self._check_claim)

    # end

    def _noted(self) -> RunSeriesRecord:
        """Note what stays missing, on the series' record and on the run's."""
        missing, within = self._progress.missing, self._progress.within
        failed = renew(self._progress.record.failed_windows, self._failed_windows, missing, within)
        self._failed_windows = []
        noted = replace(self._progress.record, failed_windows=failed)
        self._progress = replace(self._progress, record=noted)
        self._keep_series(noted)
        self._ports.candles.write_coverage(noted.series, fence=self._check_claim)
        missing = windows.union([*missing, *self._rejected()])
        return with_missing(replace(self._record, first=noted.first, last=noted.last), missing)

    def _rejected(self) -> Windows:
        """Return the slots whose row was wrong in this run; of those that earlier runs found wrong, it says nothing."""
        return windows.subtract(self._record.rejected, self._progress.coverage.stored)

    def _judged(self) -> RunSeriesRecord:
        """Return the record with the outcome that what is missing deserves."""
        if self._record.failure is not None:  # the turn was stopped before it asked for these
            self._failed_windows += left(self._to_ask, self._record.failure.message)
        record = self._noted()
        outcome = judge(missing=record.missing, records=record.records, worked=record.stored_before is not None)
        if not record.missing:
            record = replace(record, failure=None)
        elif (rejected := self._rejected()) and (record.failure is None or not self._progress.missing):
            record = replace(record, failure=_rejected_failure(rejected, self._progress.record))
        elif record.failure is None:
            record = replace(record, failure=Failure("short_answer", _NO_CANDLE))
        return replace(record, outcome=outcome)


def _rejected_failure(rejected: Windows, noted: SeriesRecord) -> Failure:
    """Return the failure that names the slots whose row is wrong."""
    named = "; ".join(
        f"{noted.series.interval.format(item.window.start)}: {item.error}"
        for item in [item for item in noted.rejected if windows.contains(rejected, item.window.start)][:3]
    )
    return Failure(REJECTED, f"the exchange's candle is wrong each time, {named}; a run with recheck asks again")
