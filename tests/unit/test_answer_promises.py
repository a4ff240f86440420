"""What one answer of the exchange may change, case by case, and how it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import Coverage, Silence, extend, gaps_between, settle_silence, settle_stated
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.plan import ROWS_MOST, Request, anchor_candles, next_request, unanchored, window_hours
from candle_collector.domain.progress import (
    Answer,
    Learned,
    Progress,
    Revision,
    contradicts,
    is_vouched,
    learn,
    revisions,
    window_to_read,
)
from candle_collector.domain.repaired_series import repair
from candle_collector.domain.series import KEPT_REJECTED, Series
from candle_collector.domain.windows import Window, Windows

from tests.fakes.exchange import synthetic_candle

SYMBOL = "BTCUSDT"
START = windows.first_hour_of("2024-03-01")
ASKED = Window(START, START + 48)
WITHIN = Window(START - 100, START + 200)
LATER = START + 10_000
"""A closed end long after the window: nothing in it is young."""


def progress(
    stored: Iterable[int] = (),
    to_ask: Windows = (ASKED,),
    *,
    trading: bool = True,
    never: Windows = (),
    series: Series | None = None,
) -> Progress:
    """Return how far a worker is whose series has these hours."""
    hours = windows.from_hours(stored)
    known = (series or Series(SYMBOL)).updated(hours, WITHIN)
    return Progress(
        within=WITHIN,
        read=WITHIN,
        trading=trading,
        series=known,
        coverage=known.coverage(hours, never),
        to_ask=to_ask,
        window_hours=1000,
        anchor_candles=2,
    )


def answer(hours: Iterable[int], *, closed_end: int = LATER, rejected: Mapping[int, str] | None = None) -> Answer:
    """Return an answer with the candles of these hours."""
    wrong = rejected or {}
    found = sorted({*hours, *wrong})
    return Answer(found, [synthetic_candle(SYMBOL, hour) for hour in found if hour not in wrong], wrong, closed_end)


def changed(given: Answer, hour: int, trades: int = 8) -> Answer:
    """Return the answer with another candle of an hour."""
    return given._replace(candles=[other(item, trades) if item.hour == hour else item for item in given.candles])


def other(candle: Candle, trades: int) -> Candle:
    return candle._replace(trade_count=trades, volume="9")


def known(*hours: int) -> dict[int, Candle]:
    return {hour: synthetic_candle(SYMBOL, hour) for hour in hours}


def learned(before: Progress, given: Answer, *, vouched: bool, run_id: str = "A") -> Learned:
    return learn(before, before.next_request, given, vouched=vouched, run_id=run_id)


# who vouches for an answer


BEFORE = (START - 2, START - 1)


def test_an_answer_is_vouched_for_by_one_of_two_stored_candles_that_is_unchanged() -> None:
    request = progress(BEFORE).next_request
    assert request == Request(ASKED, Window(START - 2, START))
    good = answer([*BEFORE, START])
    assert is_vouched(request, good, known(*BEFORE))
    assert is_vouched(request, changed(good, START - 1), known(*BEFORE))
    assert not is_vouched(request, changed(changed(good, START - 1), START - 2), known(*BEFORE))
    assert not is_vouched(request, answer([START]), known(*BEFORE))


def test_an_answer_without_its_anchor_is_not_believed() -> None:
    before = progress(BEFORE)
    request = before.next_request
    assert contradicts(before, request, answer([START, START + 1]), vouched=False)
    assert not contradicts(before, request, answer([*BEFORE, START]), vouched=True)
    assert not contradicts(progress(), progress().next_request, answer([START]), vouched=False)


def test_an_answer_that_ends_before_a_stored_candle_is_not_believed() -> None:
    before = progress([*BEFORE, START + 100])
    assert contradicts(before, before.next_request, answer(BEFORE), vouched=True)
    assert not contradicts(progress(BEFORE), before.next_request, answer(BEFORE), vouched=True)
    without_anchor = progress([START + 100], (Window(START, START + 10),))
    assert contradicts(without_anchor, without_anchor.next_request, answer([]), vouched=False)


def test_the_first_candle_from_a_window_on_is_the_stored_one_behind_it_or_inside_it() -> None:
    before = progress([ASKED.end])
    request = before.next_request
    assert (request.neighbour, request.start, request.limit) == (ASKED.end, START, 1)
    assert contradicts(before, request, answer([ASKED.end + 1]), vouched=False)
    assert not contradicts(before, request, answer([ASKED.end]), vouched=True)
    assert not contradicts(before, request, answer([START + 5]), vouched=False)


# revisions


def test_a_stored_candle_is_revised_by_another_one_with_as_many_trades() -> None:
    request = progress(BEFORE).next_request
    good = answer([*BEFORE, START])
    assert revisions(request, good, known(*BEFORE)) == []
    stored = synthetic_candle(SYMBOL, START - 1)
    for trades in (stored.trade_count, stored.trade_count + 1):
        offered = changed(good, START - 1, trades)
        assert revisions(request, offered, known(*BEFORE)) == [Revision(stored, other(stored, trades))]
    assert revisions(request, changed(good, START - 1, stored.trade_count - 1), known(*BEFORE)) == []
    assert revisions(request, changed(good, START), known(*BEFORE, START)) == []


# what is proven


def test_hours_between_rows_are_proven_by_an_answer_that_is_vouched_for_alone() -> None:
    rows = [*BEFORE, START + 3, START + 47]
    proven = learned(progress(BEFORE), answer(rows), vouched=True)
    assert proven.never_printed == (Window(START, START + 3), Window(START + 4, START + 47))
    assert (proven.progress.to_ask, proven.left_out) == ((), ())
    doubted = learned(progress(), answer([START, START + 3, START + 47]), vouched=False)
    assert doubted.never_printed == ()
    assert doubted.progress.to_ask == (Window(START + 1, START + 3), Window(START + 4, START + 47))
    assert doubted.progress.series.absent is None


def test_hours_before_the_first_row_are_asked_for_once_more() -> None:
    doubted = learned(progress(), answer(range(START + 10, START + 48)), vouched=False)
    assert doubted.progress.to_ask == (Window(START, START + 10),)
    assert doubted.progress.next_request.neighbour == START + 10


@pytest.mark.parametrize("young", [False, True])
def test_young_hours_are_not_settled_by_their_absence(young: bool) -> None:  # noqa: FBT001 - a parameter of the test
    closed_end = START + 20 + 24 if young else LATER
    until = START + 20 if young else START + 40
    proven = learned(progress(BEFORE), answer([*BEFORE, START + 40], closed_end=closed_end), vouched=True)
    assert proven.never_printed == (Window(START, until),)
    assert gaps_between([START, START + 40], START + 20 + 24) == (Window(START + 1, START + 20),)
    beside = progress([ASKED.end])
    empty = learned(beside, answer([ASKED.end], closed_end=START + 20 + 24), vouched=True)
    assert empty.progress.series.absent == Window(START, START + 20)
    assert empty.left_out == (Window(START + 20, ASKED.end),)


def test_hours_before_the_first_candle_are_before_the_listing_and_those_behind_another_never_printed() -> None:
    first = learned(progress([ASKED.end]), answer([ASKED.end]), vouched=True)
    assert (first.progress.series.absent, first.never_printed) == (ASKED, ())
    between = learned(progress([START - 50, ASKED.end]), answer([ASKED.end]), vouched=True)
    assert (between.progress.series.absent, between.never_printed) == (None, (ASKED,))


def test_hours_before_a_listing_are_asked_for_when_an_earlier_candle_turns_up() -> None:
    series = Series(SYMBOL, absent=Window(START + 10, START + 90))
    before = progress([START + 90], (Window(START, START + 10),), series=series)
    after = learned(before, answer([START + 5]), vouched=False).progress
    assert after.series.first == START + 5
    assert windows.contains_all(after.to_ask, Window(START + 10, START + 90))


def test_a_file_proves_nothing_of_young_hours_and_nothing_of_those_before_an_unknown_first_candle() -> None:
    stated, rows = Window(START, START + 50), range(START + 40, START + 50)
    proof = settle_stated(stated, rows, known_before=True, closed_end=LATER)
    assert (proof.never_printed, proof.absent) == ((Window(START, START + 40),), None)
    proof = settle_stated(stated, rows, known_before=False, closed_end=LATER)
    assert (proof.never_printed, proof.absent) == ((), Window(START, START + 40))
    proof = settle_stated(stated, rows, known_before=False, closed_end=START + 20 + 24)
    assert (proof.never_printed, proof.absent) == ((), Window(START, START + 20))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, None, None),
        (Window(1, 3), None, Window(1, 3)),
        (Window(5, 9), Window(1, 5), Window(1, 9)),
        (Window(5, 9), Window(1, 3), Window(1, 3)),
    ],
)
def test_proofs_that_touch_join_and_of_others_the_newer_counts(
    old: Window | None, new: Window | None, expected: Window | None
) -> None:
    assert extend(old, new) == expected


# silence


def test_what_two_runs_have_not_heard_is_proven_where_it_was_a_day_old() -> None:
    assert settle_silence(START, None, run_id="A", closed_end=LATER) == (None, Silence(Window(START, LATER), "A"))
    kept = Silence(Window(START, START + 100), "A")
    assert settle_silence(START, kept, run_id="A", closed_end=LATER) == (None, kept)
    assert settle_silence(START + 5, kept, run_id="A", closed_end=LATER) == (None, kept)
    earlier = Silence(Window(START - 5, LATER), "A")
    assert settle_silence(START - 5, kept, run_id="A", closed_end=LATER) == (None, earlier)
    proven, newest = settle_silence(START + 5, kept, run_id="B", closed_end=LATER)
    assert (proven, newest) == (Window(START + 5, START + 100), Silence(Window(START + 5, LATER), "B"))
    assert settle_silence(START - 5, kept, run_id="B", closed_end=LATER)[0] == Window(START, START + 100)
    assert settle_silence(START, kept, run_id="B", closed_end=START + 110)[0] == Window(START, START + 110 - 24)
    assert settle_silence(START, kept, run_id="B", closed_end=START + 24)[0] is None


def heard_twice(before: Progress, rows: Iterable[int]) -> Series:
    """Return the series after two runs had the same answer without a new row."""
    once = learned(before, answer(rows), vouched=bool(before.coverage.stored)).progress
    assert (once.series.delisted, once.series.absent) == (None, None)
    again = replace(before, series=once.series)
    return learned(again, answer(rows), vouched=bool(before.coverage.stored), run_id="B").progress.series


def test_what_two_runs_have_not_heard_is_a_delisting_or_a_symbol_without_candles() -> None:
    delisted = heard_twice(progress(BEFORE, trading=False), BEFORE).delisted
    assert delisted == Window(START, LATER - 24)
    nothing = heard_twice(progress(), ())
    assert (nothing.absent, nothing.delisted) == (Window(START, LATER - 24), None)
    trading = heard_twice(progress(BEFORE), BEFORE)
    assert (trading.delisted, trading.silence) == (None, None)


def test_a_candle_ends_a_silence_from_before_it() -> None:
    silent = replace(Series(SYMBOL), silence=Silence(Window(START, LATER), "A"))
    after = learned(progress(BEFORE, series=silent, trading=False), answer([*BEFORE, START + 3]), vouched=True)
    assert after.progress.series.silence is None
    later = replace(silent, silence=Silence(Window(START + 40, LATER), "A"))
    after = learned(progress(BEFORE, series=later, trading=False), answer([*BEFORE, START + 3]), vouched=True)
    assert after.progress.series.silence == later.silence


def test_a_delisting_that_is_known_is_longer_by_one_silence_and_never_younger_than_a_day() -> None:
    known_to = Series(SYMBOL, delisted=Window(START, START + 10))
    before = progress(BEFORE, (Window(START + 10, START + 48),), trading=False, series=known_to)
    request = before.next_request
    given = answer(BEFORE, closed_end=START + 40 + 24)
    after = learn(before, request, given, vouched=True, run_id="A").progress
    assert after.series.delisted == Window(START, START + 40)


# rows that are wrong, and rows that nobody asked for


def test_an_hour_whose_row_is_wrong_is_remembered_with_the_reason_and_not_asked_for_again() -> None:
    rows = [hour for hour in range(START - 2, START + 48) if hour != START + 7]
    after = learned(progress(BEFORE), answer(rows, rejected={START + 7: "a price is zero"}), vouched=True)
    hour = Window(START + 7, START + 8)
    assert after.progress.series.rejected == (FailedWindow(hour, 1, "a price is zero"),)
    assert after.progress.coverage.rejected == (hour,)
    assert (after.progress.to_ask, after.progress.missing) == (
        (),
        windows.subtract((WITHIN,), (Window(START - 2, START + 48),)),
    )
    assert Coverage(rejected=(hour,)).missing(hour) == ()


def test_a_record_names_each_wrong_hour_once_and_forgets_those_that_are_stored_and_the_oldest() -> None:
    series = Series(SYMBOL).rejecting({START: "one", START + 1: "two"}, ())
    again = series.rejecting({START: "other"}, (Window(START + 1, START + 2),))
    assert again.rejected == (FailedWindow(Window(START, START + 1), 1, "other"),)
    many = Series(SYMBOL).rejecting({START + step: "wrong" for step in range(KEPT_REJECTED + 1)}, ())
    assert (len(many.rejected), many.rejected[0].window.start) == (KEPT_REJECTED, START + 1)


def test_an_hour_that_turned_up_after_all_is_stored_and_no_longer_said_to_be_missing_for_good() -> None:
    hour = Window(START, START + 1)
    coverage = Series(SYMBOL).rejecting({START: "wrong"}, ()).coverage((hour,), (hour,))
    assert (coverage.never_printed, coverage.rejected) == ((), ())


def test_rows_past_the_window_are_kept_where_they_are_to_be_requested() -> None:
    two = (ASKED, Window(START + 60, START + 70))
    before = replace(progress(BEFORE, two), window_hours=48)
    after = learned(before, answer([*BEFORE, START, START + 55, START + 65]), vouched=True)
    assert [candle.hour for candle in after.candles] == [START, START + 65]


# proofs and what is stored later


def test_a_proof_gives_way_to_a_candle() -> None:
    series = Series(SYMBOL, absent=Window(START - 10, START + 20), delisted=Window(START + 30, START + 90))
    at = series.updated((Window(START, START + 1), Window(START + 30, START + 31)), WITHIN)
    assert (at.absent, at.delisted) == (Window(START - 10, START), Window(START + 31, START + 90))
    found = repair(series, START, START + 30).series
    assert (found.absent, found.delisted) == (Window(START - 10, START), Window(START + 31, START + 90))
    found = repair(series, START - 10, START + 29).series
    assert (found.absent, found.delisted) == (None, series.delisted)


# how it is asked


def request_for(to_ask: Windows, coverage: Coverage, hours: int = 48) -> Request:
    return next_request(to_ask, coverage, window_hours=hours, candles=2)


def test_only_hours_that_are_known_lie_between_a_window_and_the_candle_that_vouches_for_it() -> None:
    stored = (Window(START - 20, START - 10),)
    assert request_for((ASKED,), Coverage(stored)) == unanchored(ASKED)
    settled = Coverage(stored, never_printed=(Window(START - 10, START),))
    assert request_for((ASKED,), settled).anchor == Window(START - 12, START - 10)
    behind = (Window(ASKED.end + 5, ASKED.end + 6),)
    assert request_for((ASKED,), Coverage(behind)) == unanchored(ASKED)
    settled = Coverage(behind, never_printed=(Window(ASKED.end, ASKED.end + 5),))
    assert request_for((ASKED,), settled).neighbour == ASKED.end + 5


def test_an_anchor_holds_stored_hours_alone() -> None:
    coverage = Coverage((Window(START - 5, START - 4), Window(START - 1, START)))
    assert request_for((ASKED,), coverage).anchor == Window(START - 1, START)


def test_a_request_has_room_for_the_wrong_rows_between() -> None:
    wrong = (Window(START - 3, START),)
    request = request_for((ASKED,), Coverage((Window(START - 5, START - 3),), rejected=wrong))
    assert (request.start, request.limit) == (START - 5, 2 + 3 + 48)
    wrong = (Window(ASKED.end, ASKED.end + 3),)
    request = request_for((ASKED,), Coverage((Window(ASKED.end + 3, ASKED.end + 4),), rejected=wrong))
    assert (request.neighbour, request.limit) == (ASKED.end + 3, 4)


def test_a_window_and_its_anchor_fit_into_an_answer() -> None:
    assert (anchor_candles("backward"), anchor_candles("gap_fill"), anchor_candles("forward")) == (2, 2, 24)
    assert (window_hours("backward", ROWS_MOST), window_hours("forward", ROWS_MOST)) == (998, 976)
    assert window_hours("backward", 24) == 24


def test_forward_reads_a_short_range_with_the_day_before_and_all_else_with_its_years() -> None:
    assert window_to_read("forward", ASKED) == Window(START - 24, ASKED.end)
    whole = Window(windows.first_hour_of("2024-01-01") - 24, windows.first_hour_of("2025-01-01"))
    assert window_to_read("backward", ASKED) == whole
    assert window_to_read("forward", Window(START, START + 169)) == whole
    assert window_to_read("backward", Window(START, START)) == Window(START, START)
