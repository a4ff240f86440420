"""When an hour may be called never printed: by rule, and on the recorded candles with their known outages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import Coverage, Settlement, extend, settle
from candle_collector.domain.run import Outcome
from candle_collector.domain.windows import Window, Windows
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.world import World
from tests.recorded import recorded_rows
from tests.unit.windows import HOUR_SETS, hours, ordered

CLOSED_END = 1000
ASKED = Window(100, 200)


def settled(requested: Window, rows: list[int], *, known_before: bool = True, ended: bool = False) -> Settlement:
    return settle(requested, rows, known_before=known_before, ended=ended, closed_end=CLOSED_END)


def test_an_hour_between_rows_was_never_printed() -> None:
    rows = [hour for hour in range(100, 200) if hour not in (150, 151)]
    assert settled(ASKED, rows) == Settlement(never_printed=(Window(150, 152),))


def test_hours_before_the_first_row_were_never_printed_where_an_earlier_candle_is_known() -> None:
    assert settled(ASKED, [130, 131]).never_printed == (Window(100, 130),)


def test_hours_before_the_first_row_are_before_the_listing_where_no_earlier_candle_is_known() -> None:
    assert settled(ASKED, [130, 131], known_before=False) == Settlement(absent=Window(100, 130))


def test_rows_past_the_window_prove_all_of_it_and_what_lies_between() -> None:
    assert settled(ASKED, [700, 701, 703]).never_printed == (Window(100, 700), Window(702, 703))


def test_hours_after_the_last_row_prove_nothing() -> None:
    assert settled(ASKED, [100, 101]) == settled(ASKED, [100, 101], ended=True) == Settlement()


def test_an_answer_without_rows_proves_the_delisting_of_a_series_that_has_ended_for_all_else_we_know() -> None:
    assert settled(ASKED, []) == Settlement()
    assert settled(ASKED, [], ended=True) == Settlement(delisted=Window(100, CLOSED_END))


def test_hours_younger_than_a_day_prove_no_delisting() -> None:
    young = CLOSED_END - 24
    assert settled(Window(young, CLOSED_END), [], ended=True) == Settlement()
    assert settled(Window(young - 1, CLOSED_END), [], ended=True).delisted == Window(young - 1, CLOSED_END)


@given(rows=st.frozensets(st.integers(960, 1005), max_size=40), known_before=st.booleans())
def test_no_hour_younger_than_a_day_is_ever_settled_by_its_absence(rows: frozenset[int], *, known_before: bool) -> None:
    proof = settled(Window(955, 1000), sorted(rows), known_before=known_before)
    absent = [proof.absent] if proof.absent else []
    assert all(hour < CLOSED_END - 24 for hour in hours([*proof.never_printed, *absent]))
    assert proof.delisted is None


@given(rows=st.frozensets(st.integers(100, 400), max_size=60), known_before=st.booleans(), ended=st.booleans())
def test_nothing_that_the_answer_holds_is_called_missing(
    rows: frozenset[int], *, known_before: bool, ended: bool
) -> None:
    proof = settled(ASKED, sorted(rows), known_before=known_before, ended=ended)
    proven = [window for window in (*proof.never_printed, proof.absent, proof.delisted) if window]
    assert not hours(proven) & rows
    assert all(window.start >= ASKED.start for window in proven)
    last = max(rows, default=ASKED.start)
    assert all(window.end <= last for window in proof.never_printed)


@given(HOUR_SETS, HOUR_SETS, st.integers(0, 60), st.integers(0, 60))
def test_missing_is_what_is_neither_stored_nor_proven(
    stored: frozenset[int], never: frozenset[int], item: int, other: int
) -> None:
    absent, within = Window(0, min(item, other)), Window(0, 60)
    coverage = Coverage(ordered(stored), ordered(never), absent=absent)
    assert hours(coverage.missing(within)) == set(range(60)) - stored - never - hours([absent])
    assert hours(coverage.covered()) == stored | never | hours([absent])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, None, None),
        (Window(1, 3), None, Window(1, 3)),
        (None, Window(1, 3), Window(1, 3)),
        (Window(5, 9), Window(1, 5), Window(1, 9)),
        (Window(5, 9), Window(1, 7), Window(1, 9)),
        (Window(5, 9), Window(1, 3), Window(1, 3)),
    ],
)
def test_proofs_that_touch_join_and_of_others_the_newer_counts(
    old: Window | None, new: Window | None, expected: Window | None
) -> None:
    assert extend(old, new) == expected


OUTAGES = """
2018: 01-04 04; 02-08 01 to 02-09 08; 06-26 02-11; 06-27 13; 07-04 01-07; 10-19 06-08; 11-14 02-08
2019: 03-12 02-07; 05-15 03-12; 08-15 02-09; 11-13 02-03; 11-25 02-03
2020: 02-09 02; 02-19 12-16; 03-04 10; 04-25 02-03; 06-28 02-04; 11-30 06; 12-21 15-17; 12-25 02
2021: 02-11 04; 03-06 02; 04-20 02-03; 04-25 05-07; 08-13 02-05; 09-29 07-08
2023: 03-24 13
"""


def outages() -> Windows:
    """Return the hours that Binance printed for no symbol."""
    found = []
    for line in OUTAGES.strip().splitlines():
        year, _, parts = line.partition(": ")
        for part in parts.split("; "):
            first, _, last = part.partition(" to ")
            day, at = first.split()
            start, _, end = at.partition("-")
            end_day, end_at = last.split() if last else (day, end or start)
            found.append(Window(_hour(year, day, start), _hour(year, end_day, end_at) + 1))
    return windows.union(found)


def _hour(year: str, day: str, at: str) -> int:
    return windows.hour_of(datetime.fromisoformat(f"{year}-{day}T{at}:00:00+00:00"))


@cache
def recording(symbol: str, first: int, last: int) -> dict[int, Candle]:
    return {row.hour: row for year in range(first, last + 1) for row in recorded_rows(symbol, year)}


def replayed(symbol: str, first: int, last: int) -> World:
    """Return a world whose exchange has the recorded candles, a day and more after the last of them."""
    rows = recording(symbol, first, last)
    system = World({symbol: rows}, candle=lambda _, hour: rows[hour])
    system.clock.advance((datetime(2026, 1, 2, tzinfo=UTC) - system.clock.now()).total_seconds())
    return system


def test_the_recorded_outages_of_2018_to_2023_are_never_printed_and_nothing_else() -> None:
    system = replayed("BTCUSDT", 2018, 2023)
    end = windows.first_hour_of("2024-01-01")
    run = system.collect(start=windows.first_hour_of("2018-01-01"), end=end)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.never_printed("BTCUSDT") == outages()
    rows = recording("BTCUSDT", 2018, 2023)
    assert system.candles.lines == {("BTCUSDT", hour): candle.line() for hour, candle in rows.items()}
    assert sum(system.series.get("BTCUSDT").years.values()) == len(rows)
    system.exchange.requested.clear()
    assert system.record(system.collect(start=windows.first_hour_of("2018-01-01"), end=end)).outcome is Outcome.SKIPPED
    assert system.exchange.requested == []


def test_the_candles_off_the_hour_of_february_2018_fill_their_hours() -> None:
    system = replayed("BTCUSDT", 2018, 2018)
    requested = Window(_hour("2018", "02-07", "00"), _hour("2018", "02-13", "00"))
    run = system.collect(start=requested.start, end=requested.end)
    assert system.record(run).outcome is Outcome.COMPLETE
    off_grid = [item for item in system.candles.candles("BTCUSDT", requested, limit=1000) if item.offset_ms]
    assert [item.hour for item in off_grid] == list(range(_hour("2018", "02-09", "09"), _hour("2018", "02-11", "04")))


@pytest.mark.parametrize("batch_size", [1000, 720])
def test_the_delisted_months_of_btcusdc_are_proven_by_one_request(batch_size: int) -> None:
    system = replayed("BTCUSDC", 2022, 2025)
    system.defaults = replace(system.defaults, batch_size=batch_size)
    rows = recording("BTCUSDC", 2022, 2025)
    run = system.collect(start=min(rows), end=windows.first_hour_of("2026-01-01"))
    gone = Window(_hour("2022", "09-29", "03"), _hour("2023", "03-12", "06"))
    assert system.record(run, "BTCUSDC").outcome is Outcome.COMPLETE
    assert gone in system.candles.never_printed("BTCUSDC")
    assert len(system.candles.lines) == len(rows)
    assert sum(gone.start <= requested.start < gone.end for requested in system.exchange.requested) <= 1
