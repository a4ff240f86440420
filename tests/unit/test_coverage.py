"""When an hour may be called never printed: by rule, and on the recorded candles with their known outages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import (
    Coverage,
    Settlement,
    Silence,
    extend,
    gaps_between,
    settle_silence,
    settle_stated,
)
from candle_collector.domain.run import Outcome
from candle_collector.domain.windows import Window, Windows
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange import needs_recordings
from tests.fakes.world import World
from tests.hourly import HOUR, first_hour_of, hour_of, hourly
from tests.recorded import recorded_rows
from tests.unit.windows import HOUR_SETS, hours, ordered

CLOSED_END = 1000
A_DAY = HOUR.slots_a_day
SETTLED_END = CLOSED_END - A_DAY
ASKED = Window(100, 200)


def stated(requested: Window, rows: list[int], *, known_before: bool = True) -> Settlement:
    return settle_stated(requested, rows, known_before=known_before, settled_end=SETTLED_END)


def test_an_hour_between_rows_is_a_gap() -> None:
    rows = [hour for hour in range(100, 200) if hour not in (150, 151)]
    assert gaps_between(rows, SETTLED_END) == (Window(150, 152),)
    assert gaps_between([700, 701, 703], SETTLED_END) == (Window(702, 703),)


def test_one_row_has_nothing_between_its_rows() -> None:
    assert gaps_between([100], SETTLED_END) == gaps_between([100, 101], SETTLED_END) == ()


def test_a_gap_ends_where_hours_are_younger_than_a_day() -> None:
    assert gaps_between([970, 990], SETTLED_END) == (Window(971, 976),)
    assert gaps_between([975, 990], SETTLED_END) == gaps_between([976, 990], SETTLED_END) == ()


@given(rows=st.frozensets(st.integers(900, 1005), min_size=1, max_size=40))
def test_gaps_are_the_older_hours_between_the_first_and_the_last_row_that_have_none(rows: frozenset[int]) -> None:
    gaps = gaps_between(sorted(rows), SETTLED_END)
    assert hours(gaps) == {hour for hour in range(min(rows), max(rows)) if hour < SETTLED_END} - rows


def test_hours_before_the_first_row_were_never_printed_where_an_earlier_candle_is_known() -> None:
    assert stated(ASKED, [130, 131]) == Settlement(never_printed=(Window(100, 130),))


def test_hours_before_the_first_row_are_before_the_listing_where_no_earlier_candle_is_known() -> None:
    assert stated(ASKED, [130, 131], known_before=False) == Settlement(absent=Window(100, 130))


def test_files_that_begin_with_their_period_prove_nothing_before_it() -> None:
    assert stated(ASKED, [100, 101]) == stated(ASKED, [100, 101], known_before=False) == Settlement()


def test_hours_after_the_last_row_prove_nothing_and_neither_do_files_without_a_row() -> None:
    assert stated(ASKED, [100, 101]) == stated(ASKED, []) == stated(ASKED, [], known_before=False) == Settlement()


@given(rows=st.frozensets(st.integers(960, 1005), max_size=40), known_before=st.booleans())
def test_no_hour_younger_than_a_day_is_ever_settled_by_its_absence(rows: frozenset[int], *, known_before: bool) -> None:
    proof = stated(Window(955, 1000), sorted(rows), known_before=known_before)
    absent = [proof.absent] if proof.absent else []
    assert all(hour < SETTLED_END for hour in hours([*proof.never_printed, *absent]))
    assert proof.delisted is None


@given(rows=st.frozensets(st.integers(100, 199), max_size=60), known_before=st.booleans())
def test_files_settle_what_they_leave_out_up_to_their_last_row_and_nothing_else(
    rows: frozenset[int], *, known_before: bool
) -> None:
    proof = stated(ASKED, sorted(rows), known_before=known_before)
    left_out = set(range(100, max(rows, default=100))) - rows
    before = {hour for hour in left_out if hour < min(rows, default=0)}
    absent = [proof.absent] if proof.absent else []
    assert hours(absent) == (set() if known_before else before)
    assert hours(proof.never_printed) == left_out - hours(absent)
    assert proof.delisted is None


def silence(
    start: int, kept: Silence | None, *, run_id: str = "B", closed_end: int = CLOSED_END
) -> tuple[object, Silence]:
    return settle_silence(start, kept, run_id=run_id, closed_end=closed_end, settled_end=closed_end - A_DAY)


def test_one_run_that_hears_nothing_proves_nothing_and_is_remembered() -> None:
    assert silence(100, None) == (None, Silence(Window(100, CLOSED_END), "B"))


def test_a_second_run_that_hears_the_same_proves_what_was_older_than_a_day_for_it() -> None:
    kept = Silence(Window(100, CLOSED_END), "A")
    assert silence(100, kept)[0] == Window(100, SETTLED_END)
    assert silence(100, kept, closed_end=CLOSED_END + A_DAY)[0] == Window(100, CLOSED_END)


def test_a_second_run_proves_nothing_that_the_first_has_not_heard() -> None:
    kept = Silence(Window(100, 500), "A")
    assert silence(50, kept)[0] == silence(100, kept)[0] == Window(100, 500)
    assert silence(300, kept)[0] == Window(300, 500)
    assert silence(500, kept)[0] is None


def test_the_same_run_proves_nothing_however_often_it_hears_nothing() -> None:
    kept = Silence(Window(100, 900), "B")
    assert silence(100, kept) == silence(200, kept) == (None, kept)
    assert silence(50, kept) == (None, Silence(Window(50, CLOSED_END), "B"))


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 60), st.integers(0, 90)), max_size=12))
def test_what_is_proven_was_heard_by_two_runs_and_older_than_a_day(answers: list[tuple[str, int, int]]) -> None:
    kept, closed_end = None, 0
    heard: list[tuple[str, set[int]]] = []
    for run_id, start, later in answers:
        closed_end += later
        proven, kept = settle_silence(start, kept, run_id=run_id, closed_end=closed_end, settled_end=closed_end - A_DAY)
        proven_hours = hours([proven]) if proven else set()
        assert all(hour < closed_end - A_DAY and hour >= start for hour in proven_hours)
        assert not proven_hours or any(proven_hours <= others for other, others in heard if other != run_id)
        assert proven is None or proven.slots
        heard.append((run_id, set(range(start, closed_end))))


@given(HOUR_SETS, HOUR_SETS, HOUR_SETS, st.integers(0, 60), st.integers(0, 60))
def test_missing_is_what_is_neither_stored_nor_proven_nor_rejected(
    stored: frozenset[int], never: frozenset[int], rejected: frozenset[int], item: int, other: int
) -> None:
    absent, delisted, within = Window(0, min(item, other)), Window(max(item, other), 60), Window(0, 60)
    coverage = Coverage(ordered(stored), ordered(never), absent, delisted, ordered(rejected))
    known = stored | never | rejected | hours([absent, delisted])
    assert hours(coverage.missing(within)) == set(range(60)) - known
    assert hours(coverage.covered()) == known


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
    return hour_of(datetime.fromisoformat(f"{year}-{day}T{at}:00:00+00:00"))


@cache
def recording(symbol: str, first: int, last: int) -> dict[int, Candle]:
    return {row.slot: row for year in range(first, last + 1) for row in recorded_rows(symbol, year)}


def replayed(symbol: str, first: int, last: int) -> World:
    """Return a world whose exchange has the recorded candles, a day and more after the last of them."""
    rows = recording(symbol, first, last)
    system = World({symbol: rows}, candle=lambda _, hour: rows[hour])
    system.clock.advance((datetime(2026, 1, 2, tzinfo=UTC) - system.clock.now()).total_seconds())
    return system


@needs_recordings
def test_the_recorded_outages_of_2018_to_2023_are_never_printed_and_nothing_else() -> None:
    system = replayed("BTCUSDT", 2018, 2023)
    end = first_hour_of("2024-01-01")
    run = system.collect(start=first_hour_of("2018-01-01"), end=end)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.never_printed(hourly("BTCUSDT")) == outages()
    rows = recording("BTCUSDT", 2018, 2023)
    assert system.candles.lines == {(hourly("BTCUSDT"), hour): candle.line() for hour, candle in rows.items()}
    assert sum(system.series.get(hourly("BTCUSDT")).years.values()) == len(rows)
    system.exchange.requested.clear()
    assert system.record(system.collect(start=first_hour_of("2018-01-01"), end=end)).outcome is Outcome.SKIPPED
    assert system.exchange.requested == []


@needs_recordings
def test_the_candles_off_the_hour_of_february_2018_fill_their_hours() -> None:
    system = replayed("BTCUSDT", 2018, 2018)
    requested = Window(_hour("2018", "02-07", "00"), _hour("2018", "02-13", "00"))
    run = system.collect(start=requested.start, end=requested.end)
    assert system.record(run).outcome is Outcome.COMPLETE
    off_grid = [item for item in system.candles.candles(hourly("BTCUSDT"), requested, limit=1000) if item.offset_ms]
    assert [item.slot for item in off_grid] == list(range(_hour("2018", "02-09", "09"), _hour("2018", "02-11", "04")))


@needs_recordings
@pytest.mark.parametrize("batch_size", [1000, 720])
def test_the_delisted_months_of_btcusdc_are_proven_by_one_request(batch_size: int) -> None:
    system = replayed("BTCUSDC", 2022, 2025)
    system.defaults = replace(system.defaults, batch_size=batch_size)
    rows = recording("BTCUSDC", 2022, 2025)
    run = system.collect(start=min(rows), end=first_hour_of("2026-01-01"))
    gone = Window(_hour("2022", "09-29", "03"), _hour("2023", "03-12", "06"))
    assert system.record(run, "BTCUSDC").outcome is Outcome.COMPLETE
    assert gone in system.candles.never_printed(hourly("BTCUSDC"))
    assert len(system.candles.lines) == len(rows)
    assert sum(gone.start <= requested.start < gone.end for requested in system.exchange.requested) <= 1
