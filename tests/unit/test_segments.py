"""A series is cut where it was silent for a week, or came back at another price, and nowhere else."""

from __future__ import annotations

import pytest
from candle_collector.domain.candle import Candle
from candle_collector.domain.segments import is_another_price, segments
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.reading.stored_series import read_segments, stored_series

from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.hourly import HOUR, HOURS_A_DAY, hourly

LIFE = Window(0, 1000)
WEEK = 7 * HOURS_A_DAY


@pytest.mark.parametrize(
    ("never_printed", "expected"),
    [
        ([], (LIFE,)),
        ([Window(100, 100 + WEEK - 1)], (LIFE,)),
        ([Window(100, 100 + WEEK)], (Window(0, 100), Window(100 + WEEK, 1000))),
        # read year by year, a silence over New Year comes in two parts
        ([Window(100, 200), Window(200, 280)], (Window(0, 100), Window(280, 1000))),
        ([Window(100, 200), Window(201, 281)], (LIFE,)),
    ],
)
def test_a_week_without_a_candle_begins_another_segment(
    never_printed: list[Window], expected: tuple[Window, ...]
) -> None:
    assert segments(LIFE, never_printed, HOUR) == expected


@pytest.mark.parametrize(("hours", "cut"), [(23, False), (24, True), (93, True), (WEEK - 1, True)])
def test_a_pause_after_which_the_price_is_another_begins_another_segment(hours: int, cut: bool) -> None:  # noqa: FBT001 - a case
    pause = Window(100, 100 + hours)
    expected = (Window(0, 100), Window(pause.end, 1000)) if cut else (LIFE,)
    assert segments(LIFE, [pause], HOUR, lambda _: True) == expected
    assert segments(LIFE, [pause], HOUR, lambda _: False) == (LIFE,)


def candle(hour: int, opened: str, closed: str) -> Candle:
    return Candle(hour, opened, "9999", "0.00001", closed, "1", "1", 1, "0.5", "0.5")


@pytest.mark.parametrize(
    ("closed", "opened", "another"),
    [
        ("1", "20", False),
        ("1", "20.00000001", True),
        ("20", "1", False),
        ("20.00000001", "1", True),
        ("0.0001", "0.1", True),
        ("0.00000001", "0.00000002", False),
    ],
)
def test_a_price_is_another_where_it_is_more_than_twenty_times(closed: str, opened: str, another: bool) -> None:  # noqa: FBT001 - a case
    assert is_another_price(candle(1, "5", closed), candle(2, opened, "5")) is another


def test_a_redenomination_after_four_days_of_silence_is_read_from_what_is_stored() -> None:
    stored = [candle(hour, "0.01", "0.01") for hour in range(48)]
    stored += [candle(hour, "10", "10") for hour in range(141, 200)]
    calm = Window(180, 190)
    store, series = FakeCandleStore(), FakeSeriesStore()
    pause = Window(48, 141)
    kept = [item for item in stored if not calm.start <= item.slot < calm.end]
    store.store(hourly("XUSDT"), kept, (pause, calm), absent_blocks=frozenset())
    known = stored_series(series.put(SeriesRecord(hourly("XUSDT"), first=0, last=199)), store)
    assert read_segments(known, (pause, calm), store) == (Window(0, 48), Window(141, 200))
