"""Outcomes: what a run says of a symbol."""

from __future__ import annotations

import pytest
from candle_collector.domain.run import (
    ENDED_OUTCOMES,
    KEPT_GIVEN_UP,
    KEPT_REJECTED,
    KEPT_WINDOWS,
    Outcome,
    RunSeriesRecord,
    count_outcomes,
    judge,
    with_missing,
)
from candle_collector.domain.windows import Window
from hypothesis import given
from hypothesis import strategies as st

from tests.hourly import hourly

MISSING = (Window(1, 2),)


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


@given(st.lists(st.sampled_from(Outcome)))
def test_open_outcomes_are_not_counted_and_all_others_are(outcomes: list[Outcome]) -> None:
    counts = count_outcomes(outcomes)
    assert set(counts) == {outcome.value for outcome in ENDED_OUTCOMES}
    assert sum(counts.values()) == sum(not outcome.open for outcome in outcomes)


def test_a_record_names_the_first_windows_that_are_missing_and_counts_them_all() -> None:
    missing = tuple(Window(hour, hour + 1) for hour in range(0, 500, 2))
    record = with_missing(RunSeriesRecord("run", hourly("BTCUSDT")), missing)
    assert record.missing == missing[:KEPT_WINDOWS]
    assert record.missing_slots == 250


def test_a_record_stays_small_however_much_a_run_gives_up_or_finds_wrong() -> None:
    record = RunSeriesRecord("R", hourly("BTCUSDT"))
    for hour in range(0, 60_000, 2000):
        windows_ = [Window(hour + number, hour + number + 1) for number in range(0, 2000, 2)]
        record = record.giving_up(*windows_).rejecting(tuple(windows_))
    assert len(record.given_up) <= KEPT_GIVEN_UP
    assert (record.given_up[0].start, record.given_up[-1].end) == (0, 59_999)
    assert len(record.rejected) <= KEPT_REJECTED
    assert record.rejected[-1] == Window(59_998, 59_999)
