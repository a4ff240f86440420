"""Outcomes and ranges: what a run says of a symbol, and which hours it is about."""

from __future__ import annotations

import pytest
from candle_collector.domain.run import (
    ENDED_OUTCOMES,
    KEPT_WINDOWS,
    Mode,
    Outcome,
    SymbolRecord,
    count_outcomes,
    judge,
    range_of,
    with_missing,
)
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from hypothesis import given
from hypothesis import strategies as st

MISSING = (Window(1, 2),)
ASKED = Window(100, 200)


@pytest.mark.parametrize(
    ("outcome", "missing", "records", "worked"),
    [
        (Outcome.SKIPPED, (), 0, False),
        (Outcome.COMPLETE, (), 0, True),
        (Outcome.COMPLETE, (), 5, True),
        (Outcome.PARTIAL, MISSING, 5, True),
        (Outcome.FAILED, MISSING, 0, True),
        (Outcome.FAILED, MISSING, 0, False),
    ],
)
def test_the_outcome_says_what_is_missing_and_what_was_stored(
    outcome: Outcome, missing: tuple[Window, ...], records: int, *, worked: bool
) -> None:
    assert judge(missing=missing, records=records, worked=worked) is outcome


@pytest.mark.parametrize(
    ("mode", "first", "last", "expected"),
    [
        ("backward", None, None, ASKED),
        ("backward", 120, 150, ASKED),
        ("forward", None, None, ASKED),
        ("forward", 120, 150, Window(151, 200)),
        ("forward", 50, 60, Window(61, 200)),
        ("forward", 120, 250, Window(251, 251)),
        ("gap_fill", None, None, Window(100, 100)),
        ("gap_fill", 120, 150, Window(120, 151)),
        ("gap_fill", 50, 250, ASKED),
        ("gap_fill", 50, 60, Window(100, 100)),
        ("gap_fill", 250, 260, Window(250, 250)),
    ],
)
def test_each_mode_is_about_its_own_part_of_the_range(
    mode: Mode, first: int | None, last: int | None, expected: Window
) -> None:
    assert range_of(mode, ASKED, Series("BTCUSDT", first=first, last=last)) == expected


@given(st.lists(st.sampled_from(Outcome)))
def test_open_outcomes_are_not_counted_and_all_others_are(outcomes: list[Outcome]) -> None:
    counts = count_outcomes(outcomes)
    assert set(counts) == {outcome.value for outcome in ENDED_OUTCOMES}
    assert sum(counts.values()) == sum(not outcome.open for outcome in outcomes)


def test_a_record_names_the_first_windows_that_are_missing_and_counts_them_all() -> None:
    missing = tuple(Window(hour, hour + 1) for hour in range(0, 500, 2))
    record = with_missing(SymbolRecord("run", "BTCUSDT"), missing)
    assert record.missing == missing[:KEPT_WINDOWS]
    assert record.missing_hours == 250
