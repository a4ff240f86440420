"""The plan is the fewest requests: compared with every possible plan in small cases."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.coverage import Coverage
from candle_collector.domain.interval import Interval
from candle_collector.domain.plan import (
    Request,
    count_requests,
    next_request,
    unanchored,
    verified_slots,
    window_slots,
)
from candle_collector.domain.run import COLLECTING_MODES
from candle_collector.domain.windows import Window, Windows
from hypothesis import example, given
from hypothesis import strategies as st

from tests.hourly import HOUR, HOURS_A_DAY, first_hour_of
from tests.plans import spans_of
from tests.unit.windows import HOUR_SETS, hours, ordered

BATCH_SIZES = st.integers(1, 40)
DAY = HOURS_A_DAY
"""How many slots a block has in these plans, which are of few hours: spans end at midnight if they can."""


def fewest(missing: frozenset[int], batch_size: int) -> int:
    """Return the least number of spans, by trying every length for the span of the first missing hour."""

    @cache
    def least(left: tuple[int, ...]) -> int:
        if not left:
            return 0
        return 1 + min(
            least(tuple(hour for hour in left if hour >= left[0] + length)) for length in range(1, batch_size + 1)
        )

    return least(tuple(sorted(missing)))


@given(st.frozensets(st.integers(0, 30), max_size=14), st.integers(1, 12))
def test_no_plan_has_fewer_requests(missing: frozenset[int], batch_size: int) -> None:
    assert len(spans_of(ordered(missing), batch_size, DAY)) == fewest(missing, batch_size)


@given(HOUR_SETS, BATCH_SIZES)
def test_a_plan_holds_all_that_is_missing_in_spans_of_at_most_a_batch(missing: frozenset[int], batch_size: int) -> None:
    plan = spans_of(ordered(missing), batch_size, DAY)
    assert hours(plan) >= missing
    assert all(0 < span.slots <= batch_size for span in plan)
    assert all(left.end <= right.start for left, right in pairwise(plan))


@given(HOUR_SETS, BATCH_SIZES)
def test_every_span_begins_and_ends_with_a_missing_hour(missing: frozenset[int], batch_size: int) -> None:
    assert all({span.start, span.end - 1} <= missing for span in spans_of(ordered(missing), batch_size, DAY))


@given(HOUR_SETS, st.integers(DAY, 40))
@example(frozenset(range(60)), 25)
def test_a_span_that_splits_a_day_could_not_have_ended_at_midnight(missing: frozenset[int], batch_size: int) -> None:
    plan = spans_of(ordered(missing), batch_size, DAY)
    for at, (span, following) in enumerate(pairwise(plan), start=1):
        splits = span.end % DAY and following.start // DAY == (span.end - 1) // DAY
        midnight = span.end - span.end % DAY
        if splits and midnight > span.start:
            rest = frozenset(hour for hour in missing if hour >= midnight)
            assert at + len(spans_of(ordered(rest), batch_size, DAY)) > len(plan)


@given(st.integers(0, 400_000), st.integers(1, 3000), st.integers(1, 1000))
def test_a_plan_moves_with_its_days(start: int, length: int, batch_size: int) -> None:
    days = 365 * DAY
    plan = spans_of((Window(start, start + length),), batch_size, DAY)
    moved = spans_of((Window(start + days, start + length + days),), batch_size, DAY)
    assert moved == tuple(Window(span.start + days, span.end + days) for span in plan)


def test_a_candle_that_the_exchange_does_not_have_vouches_for_no_answer() -> None:
    stored, gap = (Window(0, 100), Window(120, 130)), (Window(100, 120),)
    assert next_request(
        gap, Coverage(stored), interval=HOUR, market=BINANCE, window_slots=50, candles=2
    ).anchor == Window(98, 100)
    denied = (Window(95, 100),)
    request = next_request(
        gap, Coverage(stored, denied=denied), interval=HOUR, market=BINANCE, window_slots=50, candles=2
    )
    assert (request.anchor, request.window) == (Window(93, 95), Window(100, 120))
    behind = next_request(
        gap, Coverage(stored[1:], denied=(Window(120, 123),)), interval=HOUR, market=BINANCE, window_slots=50, candles=2
    )
    assert behind.neighbour == 123


def test_nothing_missing_needs_no_request() -> None:
    assert spans_of((), 1000, DAY) == ()


def test_hours_of_which_nothing_is_known_lie_before_no_window_and_at_most_a_day_of_them_behind_one() -> None:
    window = Window(100, 148)

    def request(stored: Window, *never_printed: Window) -> Request:
        return next_request(
            (window,), Coverage((stored,), never_printed), interval=HOUR, market=BINANCE, window_slots=48, candles=2
        )

    assert request(Window(80, 90)) == request(Window(173, 174)) == unanchored(window)
    assert (request(Window(172, 173)).neighbour, request(Window(172, 173)).limit) == (172, 25)
    assert request(Window(80, 90), Window(90, 100)).anchor == Window(88, 90)
    assert request(Window(153, 154), Window(148, 153)).neighbour == 153


def test_a_row_behind_a_window_is_asked_for_where_an_answer_has_room_for_all_that_may_lie_between() -> None:
    window = Window(100, 148)

    def request(stored: Window) -> Request:
        coverage = Coverage((stored,))
        return next_request((window,), coverage, interval=Interval.MINUTE, market=BINANCE, window_slots=48, candles=2)

    assert (request(Window(1147, 1148)).neighbour, request(Window(1147, 1148)).limit) == (1147, BINANCE.rows_most)
    assert request(Window(1148, 1149)) == unanchored(window), "though it is within a day"


def test_neighbouring_gaps_share_a_request() -> None:
    missing: Windows = (Window(100, 101), Window(500, 502), Window(1090, 1091))
    assert spans_of(missing, 1000, DAY) == (Window(100, 1091),)
    assert spans_of(missing, 990, DAY) == (Window(100, 502), Window(1090, 1091))


def test_eleven_months_are_nine_requests_each_of_which_ends_with_a_block_but_none_more_for_it() -> None:
    start, end = first_hour_of("2025-01-01"), first_hour_of("2025-12-01")
    plan = spans_of((Window(start, end),), 1000, HOUR.block_slots)
    assert len(plan) == 9
    assert all(span.end % HOUR.block_slots == 0 for span in plan[:-1])
    assert plan[-1].end == end


def test_a_cut_at_midnight_is_given_up_where_it_would_cost_a_request() -> None:
    assert spans_of((Window(1, 51),), 25, DAY) == (Window(1, 26), Window(26, 51))


SETS = st.frozensets(st.integers(0, 60), max_size=30)


@given(SETS, SETS, SETS, SETS, st.tuples(st.integers(1, 40), st.integers(1, 24)))
def test_the_next_request_is_about_the_first_hours_and_names_stored_candles_right_beside_them(
    wanted: frozenset[int],
    stored: frozenset[int],
    never: frozenset[int],
    rejected: frozenset[int],
    sizes: tuple[int, int],
) -> None:
    most, candles = sizes
    to_ask = ordered(wanted - stored)
    if not to_ask:
        return
    coverage = Coverage(ordered(stored), ordered(never - stored), rejected=ordered(rejected - stored))
    request = next_request(to_ask, coverage, interval=HOUR, market=BINANCE, window_slots=most, candles=candles)
    window, settled = request.window, (never | rejected) - stored
    assert request.start <= window.start == min(hours(to_ask))
    before = {hour for hour in stored if hour < window.start}
    after = {hour for hour in stored if hour >= to_ask[0].end}
    if before and set(range(max(before) + 1, window.start)) <= settled:
        assert window == spans_of(to_ask, most, HOUR.block_slots)[0]
        assert request.neighbour is None
        assert request.anchor.end == max(before) + 1
        assert request.vouching <= stored
        assert 0 < len(request.vouching) <= candles
        between = rejected & set(range(max(before) + 1, window.start)) - stored
    elif after and len(set(range(to_ask[0].end, min(after))) - settled) <= HOURS_A_DAY:
        assert window == to_ask[0]
        assert (request.anchor.slots, request.neighbour, request.vouching) == (0, min(after), frozenset({min(after)}))
        between = frozenset(range(to_ask[0].end, min(after))) - (never - rejected)
    else:
        assert window == spans_of(to_ask, most, HOUR.block_slots)[0]
        assert (request.anchor.slots, request.neighbour, request.vouching) == (0, None, frozenset())
        between = frozenset()
    assert request.between == len(between)
    rows = 1 if request.neighbour is not None else request.anchor.slots + window.slots
    assert request.limit == rows + len(between)


def test_a_window_leaves_room_in_an_answer_for_the_candles_that_are_asked_for_again() -> None:
    assert [window_slots(mode, 1000, BINANCE) for mode in COLLECTING_MODES] == [998, 976, 998]
    assert [window_slots(mode, 1, BINANCE) for mode in COLLECTING_MODES] == [1, 1, 1]
    half = replace(BINANCE, rows_most=500)
    assert [window_slots(mode, 1000, half) for mode in COLLECTING_MODES] == [498, 476, 498]
    assert (verified_slots(1000, BINANCE), verified_slots(1000, half), verified_slots(7, half)) == (1000, 500, 7)


@given(HOUR_SETS, BATCH_SIZES)
def test_as_many_requests_are_counted_as_a_turn_makes(missing: frozenset[int], batch_size: int) -> None:
    assert count_requests(ordered(missing), batch_size) == len(spans_of(ordered(missing), batch_size, DAY))
