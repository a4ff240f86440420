"""`candles coverage` shows a line a series, what all lack, and the windows of those that are named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from candle_collector.answers import Listing, MissingWindow, SymbolCoverage, Window
from candle_collector.domain.interval import DAY_MS, HOUR_MS, ms_of
from rich.console import Console

from cli.coverage_tables import MOST_WINDOWS, series_table, which_newest, windows_table, without_newest


def window(day: int, hours: int = 1) -> Window:
    return Window(f"2025-01-{day:02}T00:00:00Z", f"2025-01-{day:02}T{hours:02}:00:00Z", hours)


def missing_window(day: int, attempts: int = 0, last_error: str | None = None) -> MissingWindow:
    return MissingWindow(**vars(window(day)), attempts=attempts, last_error=last_error)


def series(symbol: str = "BTCUSDT", **changed: Any) -> SymbolCoverage:
    ends = {"first": "2018-01-01T00:00:00Z", "last": "2025-01-31T23:00:00Z", "start": None, "end": None}
    counts = {"expected": 1000, "stored": 1000, "never_printed_candles": 0, "missing_candles": 0, "percent": 100.0}
    listing = Listing(first="2018-01-01T00:00:00Z", is_proven=False, asked_from=None)
    parts = {"listing": listing, "segments": [window(1)], "never_printed": [], "missing": [], "delisted_from": None}
    parts |= {"record_repaired": False, "rejected": []}
    return SymbolCoverage(**{"symbol": symbol, "interval": "1h", "is_kept": True, **ends, **counts, **parts, **changed})


def shown(*parts: Any) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get()


def test_all_series_are_summed_and_rounded_down() -> None:
    lacking = series("ETHUSDT", stored=99_990, expected=100_000, missing_candles=10, percent=99.99)
    text = shown(series_table([series(), lacking]))
    assert "99.99%" in text
    assert text.splitlines()[-2].split("│")[1:6] == [
        " all 2   ",
        "          ",
        "                  ",
        "                  ",
        "  101,000 ",
    ]
    assert " 99.99% " in text.splitlines()[-2]


def test_a_series_that_expects_nothing_has_no_percent() -> None:
    assert "%" not in shown(series_table([series(expected=0, stored=0, percent=None, first=None, last=None)]))


def test_a_missing_window_says_its_attempts_and_the_last_error() -> None:
    missing = [missing_window(3, 4, "the exchange answered 503"), missing_window(4)]
    text = shown(*windows_table(series(missing=missing), everything=False))
    assert "2025-01-03 00:00 │ 2025-01-03 01:00" in text
    assert "the exchange answered 503" in text
    assert "not requested yet" in text


def test_outages_are_shown_of_a_series_that_is_named() -> None:
    coverage = series(never_printed=[window(5)])
    assert "2025-01-05" in shown(*windows_table(coverage, everything=True))
    assert "2025-01-05" not in shown(*windows_table(coverage, everything=False))


def test_many_windows_are_cut_and_reported_how_to_see() -> None:
    missing = [missing_window(1 + number % 28) for number in range(MOST_WINDOWS + 3)]
    assert "and 3 more; --symbols BTCUSDT shows all" in shown(*windows_table(series(missing=missing), everything=False))
    assert "more;" not in shown(*windows_table(series(missing=missing), everything=True))


def test_listing_delisting_and_segments_are_reported() -> None:
    listing = Listing(first="2018-01-01T00:00:00Z", is_proven=True, asked_from="2017-06-01T00:00:00Z")
    coverage = series(listing=listing, delisted_from="2025-01-20T00:00:00Z", segments=[window(1), window(9)])
    text = shown(*windows_table(coverage, everything=True))
    assert "the exchange has no candle from 2017-06-01 00:00 until then" in text
    assert "delisted: no candle from 2025-01-20 00:00 on" in text
    assert "perhaps two coins of one name: 2025-01-01 00:00 to" in text


def test_a_record_that_was_wrong_is_reported() -> None:
    assert "record did not fit" in shown(*windows_table(series(record_repaired=True), everything=False))
    assert "record did not fit" not in shown(*windows_table(series(), everything=True))


NOW = datetime(2025, 2, 1, 10, 20, tzinfo=UTC)
OLD = MissingWindow("2025-01-05T00:00:00Z", "2025-01-05T03:00:00Z", 3, attempts=1, last_error="timeout")
NEWEST = ms_of(datetime(2025, 1, 31, 7, tzinfo=UTC))


def lacking(*missing: MissingWindow) -> SymbolCoverage:
    candles = sum(item.candles for item in missing)
    return series(missing=list(missing), expected=1000, stored=1000 - candles, missing_candles=candles, percent=1.0)


def test_the_candles_of_the_last_day_are_not_missing_yet() -> None:
    gap = MissingWindow("2025-01-31T08:00:00Z", "2025-02-01T10:00:00Z", 26, attempts=3, last_error=None)
    coverage, left_out = without_newest(lacking(OLD, gap), NEWEST, NOW)
    assert left_out == 24
    assert [(item.start, item.end, item.candles) for item in coverage.missing] == [
        (OLD.start, OLD.end, 3),
        (gap.start, "2025-01-31T10:00:00Z", 2),
    ]
    assert (coverage.expected, coverage.missing_candles, coverage.percent) == (976, 5, 99.48)
    young = replace(gap, start="2025-02-01T00:00:00Z", candles=10)
    for newest in (None, NEWEST, NEWEST + 50 * HOUR_MS):
        whole, left_out = without_newest(lacking(young), newest, NOW)
        assert (whole.missing, left_out) == ([], 10)
    assert which_newest(None, NOW) == which_newest(NEWEST + 4 * HOUR_MS, NOW) == "of the last day"


def test_no_candles_are_promised_of_an_interval_that_is_no_longer_collected() -> None:
    gap = MissingWindow("2025-01-31T08:00:00Z", "2025-02-01T10:00:00Z", 26, attempts=0, last_error=None)
    coverage, left_out = without_newest(replace(lacking(gap), is_kept=False), NEWEST, NOW)
    assert (coverage.missing, left_out) == ([], 0)


def test_candles_after_the_newest_candle_of_all_are_not_missing_where_no_run_has_asked_for_them() -> None:
    """As after a collection with an END of long ago: its archive is complete."""
    newest = NEWEST - 20 * DAY_MS
    after = MissingWindow("2025-01-11T08:00:00Z", "2025-02-01T10:00:00Z", 506, attempts=0, last_error=None)
    coverage, left_out = without_newest(lacking(OLD, after), newest, NOW)
    assert (coverage.missing, left_out, coverage.expected, coverage.missing_candles) == ([OLD], 506, 494, 3)
    # one that is behind the others
    behind = replace(after, start="2025-01-11T05:00:00Z", candles=509)
    coverage, left_out = without_newest(lacking(behind), newest, NOW)
    assert [(item.start, item.end, item.candles) for item in coverage.missing] == [(behind.start, after.start, 3)]
    assert left_out == 506
    # and one that a run has asked for in vain
    coverage, left_out = without_newest(lacking(replace(after, attempts=1)), newest, NOW)
    assert [(item.start, item.end, item.candles) for item in coverage.missing] == [
        (after.start, "2025-01-31T10:00:00Z", 482)
    ]
    assert left_out == 24
    assert which_newest(newest, NOW).startswith("after 2025-01-11 07:00, the newest candle of all")
