"""What an answer changes: the candles that are wanted, the proofs, and what is still to be requested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import Silence
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.plan import Request, unanchored
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
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.exchange import synthetic_candle
from tests.hourly import HOUR, first_hour_of, hourly
from tests.unit.windows import hours as set_of

START = first_hour_of("2024-03-01")
ASKED = Window(START, START + 48)
LATER = START + 10_000
"""A closed end long after the window: nothing in it is young."""
RUN = "01JWNP30F0AAAAAAAAAAAAAAAA"
OTHER = "01JWNP30F0BBBBBBBBBBBBBBBB"


def candle(hour: int) -> Candle:
    return synthetic_candle("BTCUSDT", hour)


def progress(
    to_ask: Windows = (ASKED,),
    *,
    stored: Iterable[int] = (),
    trading: bool = True,
    record: SeriesRecord | None = None,
    never_printed: Windows = (),
    window_slots: int = 998,
) -> Progress:
    """Return the progress of a range that ends with what is to be asked for."""
    kept = windows.from_slots(stored)
    within = Window(to_ask[0].start, to_ask[-1].end)
    read = Window(within.start - 200, within.end + 200)
    record = (record or SeriesRecord(hourly("BTCUSDT"))).updated(kept, read)
    return Progress(
        market=BINANCE,
        within=within,
        read=read,
        trading=trading,
        record=record,
        coverage=record.coverage(kept, never_printed),
        to_ask=to_ask,
        window_slots=window_slots,
        anchor_candles=2,
    )


def answer(hours: Iterable[int], closed_end: int = LATER, rejected: Mapping[int, str] | None = None) -> Answer:
    """Return an answer with these rows; that of the running hour has not closed."""
    wrong, rows = rejected or {}, sorted(hours)
    return Answer(rows, [candle(hour) for hour in rows if hour < closed_end and hour not in wrong], wrong, closed_end)


def known(request: Request) -> dict[int, Candle]:
    return {hour: candle(hour) for hour in request.vouching}


def learned(before: Progress, given_: Answer, request: Request | None = None, run_id: str = RUN) -> Learned:
    """Return what an answer to the next request brings; it must not be one that is refused."""
    request = request or before.next_request
    vouched = is_vouched(request, given_, known(request))
    assert not contradicts(before, request, given_, vouched=vouched)
    return learn(before, request, given_, vouched=vouched, run_id=run_id)


# anchored


def test_a_first_candle_that_the_record_names_and_nobody_has_is_not_called_never_printed() -> None:
    record = SeriesRecord(hourly("BTCUSDT"), first=START, last=START + 99)
    before = progress((Window(START, START + 10),), stored=range(START + 10, START + 100), record=record)
    assert before.next_request.neighbour is not None
    after = learned(before, answer([START + 10]))
    assert after.never_printed == ()


def test_rows_are_wanted_and_the_hours_between_them_and_the_stored_ones_are_proven_empty() -> None:
    before = progress(stored=[START - 2, START - 1])
    assert before.next_request == Request(ASKED, Window(START - 2, START))
    assert (before.next_request.start, before.next_request.limit) == (START - 2, 50)
    after = learned(before, answer([START - 2, START - 1, START + 1, START + 3, START + 47]))
    assert [row.slot for row in after.candles] == [START + 1, START + 3, START + 47]
    assert after.never_printed == (
        Window(START, START + 1),
        Window(START + 2, START + 3),
        Window(START + 4, START + 47),
    )
    assert (after.progress.to_ask, after.left_out, after.asked_to) == ((), (), START + 48)
    assert after.progress.stored_slots == 3
    assert after.progress.coverage.never_printed == after.never_printed


def test_one_of_the_stored_candles_unchanged_vouches_for_an_answer() -> None:
    before = progress(stored=[START - 2, START - 1])
    request = before.next_request
    other = candle(START - 2)._replace(volume="1")
    for rows, vouched in (
        ([START - 1, START], True),
        ([START - 2, START], True),
        ([START], False),
        ([START + 1000], False),
        ([], False),
    ):
        assert is_vouched(request, answer(rows), known(request)) is vouched
        assert contradicts(before, request, answer(rows), vouched=vouched) is not vouched
    changed = Answer([START - 2, START], [other, candle(START)], {}, LATER)
    assert not is_vouched(request, changed, known(request))


def test_rows_past_the_window_are_kept_only_where_they_are_to_be_requested() -> None:
    before = progress((ASKED, Window(START + 60, START + 70)), stored=[START - 1], window_slots=48)
    after = learned(before, answer([START - 1, START, START + 55, START + 65]))
    assert [row.slot for row in after.candles] == [START, START + 65]
    assert after.progress.to_ask == (Window(START + 66, START + 70),)


def test_hours_after_the_last_row_are_asked_for_on() -> None:
    before = progress(stored=[START - 1])
    after = learned(before, answer([START - 1, START, START + 9]))
    assert after.progress.to_ask == (Window(START + 10, START + 48),)
    assert after.progress.next_request == Request(Window(START + 10, START + 48), Window(START + 9, START + 10))


def test_a_young_hour_between_rows_is_not_proven_and_not_asked_for_again() -> None:
    before = progress(stored=[START - 1])
    after = learned(before, answer([START - 1, START, START + 47], closed_end=START + 48))
    assert after.never_printed == (Window(START + 1, START + 24),)
    assert after.progress.to_ask == ()
    assert after.left_out == after.progress.missing == (Window(START + 24, START + 47),)


# a probe


def test_without_a_candle_before_the_first_row_must_be_the_one_behind() -> None:
    before = progress(stored=[START + 48, START + 49])
    request = before.next_request
    assert request == Request(ASKED, Window(START, START), START + 48)
    assert (request.start, request.limit, request.vouching) == (START, 1, frozenset({START + 48}))
    after = learned(before, answer([START + 48]))
    assert after.progress.record.absent == ASKED
    assert (after.candles, after.never_printed, after.progress.to_ask, after.progress.missing) == ([], (), (), ())


def test_a_window_between_candles_that_a_probe_finds_empty_was_never_printed() -> None:
    before = progress(stored=[START - 5, START + 48])
    request = unanchored(ASKED)._replace(neighbour=START + 48)
    after = learned(before, answer([START + 48]), request)
    assert (after.never_printed, after.progress.record.absent) == ((ASKED,), None)


def test_a_row_inside_the_window_of_a_probe_is_news_and_what_lies_before_it_is_asked_for_again() -> None:
    before = progress(stored=[START + 48])
    after = learned(before, answer([START + 10]))
    assert [row.slot for row in after.candles] == [START + 10]
    assert after.progress.record.absent is None
    assert after.progress.to_ask == (Window(START, START + 10), Window(START + 11, START + 48))
    assert after.progress.next_request == Request(Window(START, START + 10), Window(START, START), START + 10)


@pytest.mark.parametrize("row", [START + 49, START + 1000])
def test_a_probe_whose_row_lies_behind_the_stored_candle_is_refused(row: int) -> None:
    before = progress(stored=[START + 48])
    assert contradicts(before, before.next_request, answer([row]), vouched=False)


def test_a_probe_proves_nothing_of_hours_younger_than_a_day() -> None:
    before = progress(stored=[START + 48])
    after = learned(before, answer([START + 48], closed_end=START + 50))
    assert after.progress.record.absent == Window(START, START + 26)
    assert (after.progress.to_ask, after.left_out) == ((), (Window(START + 26, START + 48),))


# neither


def test_what_an_answer_leaves_out_that_nothing_vouches_for_is_asked_for_again() -> None:
    before = progress()
    assert before.next_request == Request(ASKED, Window(START, START))
    after = learned(before, answer([START + 5, START + 6, START + 9, START + 47]))
    assert [row.slot for row in after.candles] == [START + 5, START + 6, START + 9, START + 47]
    assert (after.never_printed, after.progress.record.absent, after.left_out) == ((), None, ())
    doubtful = (Window(START, START + 5), Window(START + 7, START + 9), Window(START + 10, START + 47))
    assert after.progress.to_ask == doubtful
    again = learned(after.progress, answer([START + 5]))
    assert again.progress.record.absent == Window(START, START + 5)
    assert again.progress.to_ask == doubtful[1:]
    assert again.progress.next_request == Request(Window(START + 7, START + 47), Window(START + 5, START + 7))


def test_an_answer_that_brings_nothing_and_is_vouched_for_by_nothing_is_not_asked_for_again() -> None:
    before = progress(stored=[START + 900], window_slots=24)
    after = learned(before, answer([START + 900]))
    assert (after.progress.to_ask, after.left_out) == ((), (ASKED,))
    assert after.progress.coverage == before.coverage


# silence


def test_an_answer_without_a_new_row_though_a_later_candle_is_stored_is_refused() -> None:
    for stored in ([START + 100], [START - 1, START + 100]):
        before = progress(stored=stored, trading=False)
        request = before.next_request
        assert contradicts(before, request, answer(sorted(request.vouching & {START - 1})), vouched=True)


@pytest.mark.parametrize("trading", [True, False])
def test_one_answer_without_a_new_row_proves_no_delisting_and_ends_the_asking(trading: bool) -> None:  # noqa: FBT001
    before = progress(stored=[START - 1], trading=trading)
    after = learned(before, answer([START - 1]))
    assert (after.progress.record.delisted, after.progress.coverage.delisted) == (None, None)
    assert (after.progress.to_ask, after.left_out, after.progress.missing) == ((), (ASKED,), (ASKED,))
    assert after.progress.record.silence == (None if trading else Silence(Window(START, LATER), RUN))


def test_a_second_run_that_hears_the_same_is_believed() -> None:
    before = progress(stored=[START - 1], trading=False)
    first = learned(before, answer([START - 1])).progress
    again = replace(before, record=first.record)
    assert learned(again, answer([START - 1])).progress.record.delisted is None
    second = learned(again, answer([START - 1]), run_id=OTHER)
    assert second.progress.record.delisted == Window(START, LATER - 24)
    assert (second.progress.missing, second.left_out) == ((), ())


def test_two_runs_without_any_candle_prove_that_there_was_none_whether_the_symbol_trades_or_not() -> None:
    for trading in (True, False):
        before = progress(trading=trading)
        first = learned(before, answer([])).progress
        second = learned(replace(before, record=first.record), answer([]), run_id=OTHER)
        assert second.progress.record.absent == Window(START, LATER - 24)
        assert second.progress.record.delisted is None
        assert second.progress.missing == ()


def test_what_silence_alone_has_proven_is_asked_for_again_when_the_first_candle_has_come() -> None:
    quiet = SeriesRecord(hourly("BTCUSDT"), absent=Window(START, START + 20))
    before = replace(progress((Window(START + 20, START + 48),), record=quiet), within=ASKED)
    after = learned(before, answer([START + 20, START + 47]))
    assert after.progress.record.absent is None
    assert after.progress.to_ask == (Window(START, START + 20), Window(START + 21, START + 47))
    assert after.progress.next_request == Request(Window(START, START + 20), Window(START, START), START + 20)
    proven = learned(after.progress, answer([START + 20]))
    assert proven.progress.record.absent == Window(START, START + 20)


def test_a_row_breaks_the_silence() -> None:
    quiet = SeriesRecord(hourly("BTCUSDT"), silence=Silence(Window(START, LATER), OTHER))
    before = progress(stored=[START - 1], trading=False, record=quiet)
    assert learned(before, answer([START - 1, START])).progress.record.silence is None


def test_a_known_delisting_grows_with_one_answer() -> None:
    ended = SeriesRecord(hourly("BTCUSDT"), delisted=Window(START - 20, START))
    before = progress(stored=[START - 21], trading=False, record=ended)
    after = learned(before, answer([START - 21]))
    assert after.progress.record.delisted == Window(START - 20, LATER - 24)


# rejected rows


def test_a_wrong_row_is_remembered_and_neither_stored_nor_missing_nor_asked_for_again() -> None:
    before = progress(stored=[START - 1])
    rows = [START - 1, *range(*ASKED)]
    after = learned(before, answer(rows, rejected={START + 5: "a price is zero"}))
    assert [row.slot for row in after.candles] == [hour for hour in range(*ASKED) if hour != START + 5]
    assert after.rejected == {START + 5: "a price is zero"}
    assert (after.progress.to_ask, after.never_printed, after.progress.missing) == ((), (), ())
    assert after.progress.coverage.rejected == (Window(START + 5, START + 6),)


def test_a_wrong_row_that_nobody_asked_for_is_not_reported() -> None:
    before = progress(stored=[START - 2, START - 1])
    wrong = {START - 2: "a price is zero", START + 48: "a price is zero"}
    after = learned(before, answer([START - 2, START - 1, *range(START, START + 49)], rejected=wrong))
    assert (after.rejected, after.progress.record.rejected) == ({}, ())


def test_wrong_rows_between_the_stored_candles_and_the_window_take_rows_of_the_answer() -> None:
    wrong = (FailedWindow(Window(START - 3, START - 2), 1, "x"), FailedWindow(Window(START - 1, START), 1, "x"))
    never = (Window(START - 2, START - 1),)
    before = progress(stored=[START - 4], record=SeriesRecord(hourly("BTCUSDT"), rejected=wrong), never_printed=never)
    assert before.next_request == Request(ASKED, Window(START - 4, START - 3), between=2)
    assert before.next_request.limit == 1 + 2 + 48
    behind = progress(
        stored=[START + 49],
        record=SeriesRecord(hourly("BTCUSDT"), rejected=(wrong[0]._replace(window=Window(START + 48, START + 49)),)),
    )
    request = behind.next_request
    assert (request.neighbour, request.limit) == (START + 49, 2)
    after = learned(behind, answer([START + 48, START + 49], rejected={START + 48: "x"}))
    assert after.progress.record.absent == ASKED
    with_news = learned(behind, answer([START + 3, START + 49]))  # the wrong row is gone, and a candle has come
    assert with_news.progress.record.absent == Window(START, START + 3)
    assert with_news.never_printed == (Window(START + 4, START + 48),)


# revisions


def test_a_candle_with_as_many_trades_or_more_revises_the_stored_one_and_a_staler_one_does_not() -> None:
    before = progress(stored=[START - 2, START - 1])
    request = before.next_request
    stored = known(request)
    for trades, revises in ((6, False), (7, True), (8, True)):
        offered = stored[START - 1]._replace(volume="36", trade_count=trades)
        given_ = Answer([START - 2, START - 1], [stored[START - 2], offered], {}, LATER)
        expected = [Revision(stored[START - 1], offered)] if revises else []
        assert revisions(request, given_, stored) == expected
    assert revisions(request, answer([START - 2, START - 1]), stored) == []


# whatever the answer


def test_a_row_before_the_window_that_is_wrong_again_breaks_no_silence_behind_it() -> None:
    wrong = {START - 1: "a price is zero"}
    rejected = (FailedWindow(Window(START - 1, START), 1, "a price is zero"),)
    record = SeriesRecord(hourly("BTCUSDT"), rejected=rejected)
    before = progress(stored=[START - 3, START - 2], trading=False, record=record)
    assert before.next_request == Request(ASKED, Window(START - 3, START - 1), between=1)
    once = learned(before, answer([START - 3, START - 2, START - 1], rejected=wrong)).progress.record
    twice = learned(
        replace(before, record=once), answer([START - 3, START - 2, START - 1], rejected=wrong), run_id=OTHER
    )
    assert twice.progress.record.delisted == Window(START, LATER - 24)
    assert twice.progress.missing == ()


def test_hours_before_a_listing_are_released_when_an_earlier_candle_turns_up() -> None:
    record = SeriesRecord(hourly("BTCUSDT"), absent=Window(START + 10, START + 90))
    within = Window(START, START + 100)
    before = replace(progress((Window(START, START + 10),), stored=[START + 90], record=record), within=within)
    assert before.next_request.neighbour == START + 90
    after = learned(before, answer([START + 5]))
    assert after.progress.record.first == START + 5
    assert after.progress.record.absent is None
    assert after.progress.to_ask == (Window(START, START + 5), Window(START + 6, START + 90))


HOURS = st.integers(START - 30, START + 60)
WORLDS = st.fixed_dictionaries(
    {
        "printed": st.frozensets(HOURS, max_size=70),
        "stored": st.frozensets(HOURS, max_size=20),
        "never": st.frozensets(st.integers(START - 30, START + 10), max_size=5),
        "wrong": st.frozensets(HOURS, max_size=5),
        "closed_end": st.integers(START + 30, START + 90),
        "window_slots": st.sampled_from([1, 5, 998]),
        "trading": st.booleans(),
        "recheck": st.booleans(),
    }
)


def of_world(world: Mapping[str, object]) -> tuple[Progress, frozenset[int], dict[int, str], int]:
    """Return a progress over some hours, what the exchange has, its wrong rows, and the closed end."""
    printed, stored, never, wrong = (frozenset(world[name]) for name in ("printed", "stored", "never", "wrong"))  # type: ignore[call-overload] # sets of hours
    closed_end, window_slots = world["closed_end"], world["window_slots"]
    assert isinstance(closed_end, int)
    assert isinstance(window_slots, int)
    stored = frozenset(hour for hour in stored & printed if hour < closed_end)
    never -= printed
    within = Window(START, closed_end)
    before = progress(
        (within,),
        stored=stored,
        trading=bool(world["trading"]),
        never_printed=windows.from_slots(never),
        window_slots=window_slots,
    )
    to_ask = windows.subtract((within,), before.coverage.stored if world["recheck"] else before.coverage.covered())
    return replace(before, to_ask=to_ask), printed, dict.fromkeys((wrong & printed) - stored, "wrong"), closed_end


def replied(request: Request, printed: frozenset[int], wrong: Mapping[int, str], closed_end: int) -> Answer:
    rows = sorted(hour for hour in printed if request.start <= hour <= closed_end)[: request.limit]
    return answer(rows, closed_end, {hour: why for hour, why in wrong.items() if hour in rows and hour < closed_end})


@given(WORLDS)
def test_an_honest_exchange_is_asked_to_the_end_and_nothing_that_it_has_is_missing(world: Mapping[str, object]) -> None:
    now, printed, wrong, closed_end = of_world(world)
    stored = set_of(now.coverage.stored)
    for _ in range(2 * now.within.slots + 2):
        if not now.to_ask:
            break
        request = now.next_request
        given_ = replied(request, printed, wrong, closed_end)
        vouched = is_vouched(request, given_, known(request))
        assert not contradicts(now, request, given_, vouched=vouched)
        step = learn(now, request, given_, vouched=vouched, run_id=RUN)
        assert (step.progress.to_ask, step.progress.coverage) != (now.to_ask, now.coverage)
        stored |= {row.slot for row in step.candles}
        now = step.progress
    assert now.to_ask == ()
    there = {hour for hour in printed if START <= hour < closed_end}
    assert there - stored == there & wrong.keys()
    proven = set_of(
        [*now.coverage.never_printed, *(part for part in (now.coverage.absent, now.coverage.delisted) if part)]
    )
    assert not proven & printed
    settled = proven - set_of(of_world(world)[0].coverage.covered())
    assert all(hour < closed_end - 24 for hour in settled)


@given(WORLDS, st.frozensets(HOURS, max_size=60), st.booleans())
def test_whatever_an_answer_holds_it_is_refused_or_changes_only_what_it_may(
    world: Mapping[str, object],
    rows: frozenset[int],
    lies: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    before, printed, wrong, closed_end = of_world(world)
    if not before.to_ask:
        return
    request = before.next_request
    honest = replied(request, printed, wrong, closed_end)
    kept = {hour for hour in rows if request.start <= hour <= closed_end}
    given_ = answer(sorted(kept)[: request.limit], closed_end) if lies else honest
    vouched = is_vouched(request, given_, known(request))
    if contradicts(before, request, given_, vouched=vouched):
        return
    after = learn(before, request, given_, vouched=vouched, run_id=RUN)
    taken = {row.slot for row in after.candles}
    fresh = set_of(after.never_printed)
    assert taken <= set(given_.slots)
    assert not taken & set_of(before.coverage.stored)
    assert not fresh & set(given_.slots)
    assert all(START <= hour < closed_end - 24 for hour in fresh)
    if not vouched:
        assert not fresh
        assert (after.progress.record.absent, after.progress.record.delisted) == (None, None)
    left = set_of(before.to_ask) - set_of(after.progress.to_ask)
    assert left == (left & taken) | (left & set_of(after.progress.coverage.covered())) | set_of(after.left_out)
    assert set_of(after.left_out) <= set_of(after.progress.missing)
    assert (after.progress.to_ask, after.progress.coverage) != (before.to_ask, before.coverage)
    assert set_of(after.progress.to_ask) <= set_of(before.to_ask)


def test_a_window_that_failed_is_requested_no_more() -> None:
    assert progress().giving_up(Window(START, START + 10)).to_ask == (Window(START + 10, START + 48),)


def test_a_stretch_is_a_window_with_all_that_follows_it_without_a_break() -> None:
    before = progress((Window(START, START + 10), Window(START + 12, START + 48)))
    assert before.stretch(Window(START, START + 5)) == Window(START, START + 10)
    assert before.stretch(Window(START, START + 10)) == Window(START, START + 10)
    assert before.stretch(Window(START, START + 20)) == Window(START, START + 48)


def test_forward_reads_a_short_range_and_a_day_before_it_and_all_else_with_its_years() -> None:
    assert window_to_read("forward", ASKED, HOUR) == Window(START - 24, START + 48)
    whole = Window(first_hour_of("2024-01-01") - 24, first_hour_of("2025-01-01"))
    assert window_to_read("backward", ASKED, HOUR) == whole
    assert window_to_read("forward", Window(START, START + 169), HOUR) == whole
    assert window_to_read("backward", Window(START, START), HOUR) == Window(START, START)
