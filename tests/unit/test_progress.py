"""What an answer changes: the candles that are wanted, the proofs, and what is still to be requested."""

from __future__ import annotations

import pytest
from candle_collector.domain import windows
from candle_collector.domain.coverage import Coverage
from candle_collector.domain.progress import Learned, Progress, learn, window_to_read
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.exchange import synthetic_candle

START = windows.first_hour_of("2024-03-01")
ASKED = Window(START, START + 48)
LATER = START + 10_000
"""A closed end long after the window: nothing in it is young."""


def progress(to_ask: Window = ASKED, *, trading: bool = True, series: Series | None = None, **more: int) -> Progress:
    return Progress(
        within=to_ask,
        read=to_ask,
        trading=trading,
        series=series or Series("BTCUSDT"),
        coverage=Coverage(),
        to_ask=windows.union([to_ask]),
        nothing_from=more.get("nothing_from"),
    )


def answered(before: Progress, hours: list[int], requested: Window = ASKED, closed_end: int = LATER) -> Learned:
    return learn(before, requested, hours, [synthetic_candle("BTCUSDT", hour) for hour in hours], closed_end=closed_end)


def test_rows_are_wanted_and_the_hours_between_them_are_proven_empty() -> None:
    known = Series("BTCUSDT", first=START - 1, last=START - 1)
    learned = answered(progress(series=known), [START, START + 3, START + 47])
    assert [row.hour for row in learned.candles] == [START, START + 3, START + 47]
    assert learned.never_printed == (Window(START + 1, START + 3), Window(START + 4, START + 47))
    assert learned.progress.to_ask == ()
    assert learned.progress.stored_hours == 3


def test_rows_past_the_window_are_kept_only_where_they_are_to_be_requested() -> None:
    two = windows.union([ASKED, Window(START + 60, START + 70)])
    before = Progress(ASKED, ASKED, True, Series("BTCUSDT"), Coverage(), two)  # noqa: FBT003 - as the fields are
    learned = answered(before, [START, START + 55, START + 65])
    assert [row.hour for row in learned.candles] == [START, START + 65]


@pytest.mark.parametrize("trading", [True, False])
def test_one_answer_without_rows_proves_no_delisting(trading: bool) -> None:  # noqa: FBT001 - a parameter of the test
    series = Series("BTCUSDT", first=START - 10, last=START - 1)
    learned = answered(progress(trading=trading, series=series), [])
    assert learned.progress.series.delisted is None
    assert learned.progress.to_ask == (() if trading else (ASKED,))
    assert learned.progress.nothing_from == START


def test_two_answers_without_rows_that_agree_are_believed() -> None:
    series = Series("BTCUSDT", first=START - 10, last=START - 1)
    first = answered(progress(trading=False, series=series), [])
    second = answered(first.progress, [])
    assert second.progress.series.delisted == Window(START, LATER)
    assert second.progress.to_ask == ()


def test_a_later_candle_forbids_the_delisting() -> None:
    series = Series("BTCUSDT", first=START - 10, last=START + 100)
    second = answered(answered(progress(trading=False, series=series), []).progress, [])
    assert second.progress.series.delisted is None


def test_hours_before_a_listing_are_released_when_an_earlier_candle_turns_up() -> None:
    within = Window(START, START + 100)
    series = Series("BTCUSDT", first=START + 90, last=START + 95, absent=Window(START + 10, START + 90))
    before = Progress(within, within, True, series, Coverage(absent=series.absent), (Window(START, START + 10),))  # noqa: FBT003 - as above
    learned = answered(before, [START + 5], requested=Window(START, START + 10))
    assert learned.progress.series.first == START + 5
    assert learned.progress.series.absent == Window(START, START + 5)
    assert windows.count(windows.clip(learned.progress.to_ask, Window(START + 10, START + 90))) == 80


@given(st.sets(st.integers(START, START + 60)), st.booleans(), st.integers(START, START + 80))
def test_an_answer_settles_what_it_reaches_and_proves_nothing_of_young_hours(
    hours: set[int],
    trading: bool,  # noqa: FBT001 - a parameter of the test
    closed_end: int,
) -> None:
    learned = answered(progress(trading=trading), sorted(hours), closed_end=closed_end)
    after = learned.progress
    assert windows.subtract(after.to_ask, (ASKED,)) == ()
    assert not windows.clip(after.to_ask, Window(START, learned.asked_to))
    taken = windows.from_hours(row.hour for row in learned.candles)
    assert windows.subtract(taken, after.coverage.stored) == ()
    assert windows.subtract(learned.never_printed, after.coverage.never_printed) == ()
    young = Window(closed_end - 24, START + 200)
    assert not windows.clip(learned.never_printed, young)


def test_a_window_that_failed_is_requested_no_more() -> None:
    assert progress().giving_up(Window(START, START + 10)).to_ask == (Window(START + 10, START + 48),)


def test_forward_reads_a_short_range_alone_and_all_else_with_its_years() -> None:
    assert window_to_read("forward", ASKED) == ASKED
    whole = Window(windows.first_hour_of("2024-01-01"), windows.first_hour_of("2025-01-01"))
    assert window_to_read("backward", ASKED) == whole
    assert window_to_read("forward", Window(START, START + 169)) == whole
    assert window_to_read("backward", Window(START, START)) == Window(START, START)
