"""What is kept of windows that stay missing, from turn to turn."""

from __future__ import annotations

from candle_collector.domain.failed_window import FailedWindow, renew
from candle_collector.domain.windows import Window

WITHIN = Window(100, 200)


def test_what_lies_outside_of_the_turns_range_stays() -> None:
    before, after = FailedWindow(Window(10, 100), 4, "before"), FailedWindow(Window(200, 210), 4, "after")
    assert renew([before, after], [], (), WITHIN) == (before, after)


def test_of_a_window_that_lies_in_the_range_in_part_the_rest_stays() -> None:
    failed = FailedWindow(Window(10, 300), 4, "old")
    kept = renew([failed], [], (Window(150, 160),), WITHIN)
    assert kept == (
        FailedWindow(Window(10, 100), 4, "old"),
        FailedWindow(Window(150, 160), 4, "old"),
        FailedWindow(Window(200, 300), 4, "old"),
    )


def test_a_turn_over_nothing_changes_nothing() -> None:
    failed = FailedWindow(Window(10, 300), 4, "old")
    assert renew([failed], [], (), Window(100, 100)) == (failed,)


def test_what_is_stored_by_now_is_forgotten() -> None:
    assert renew([FailedWindow(Window(110, 120), 4, "old")], [], (), WITHIN) == ()


def test_the_attempts_of_all_turns_are_added_and_the_last_error_is_named() -> None:
    old = [FailedWindow(Window(110, 120), 4, "old")]
    new = [FailedWindow(Window(110, 115), 3, "new")]
    missing = (Window(110, 115),)
    assert renew(old, new, missing, WITHIN) == (FailedWindow(Window(110, 115), 7, "new"),)


def test_what_was_not_requested_yet_has_not_failed() -> None:
    failed = FailedWindow(Window(110, 120), 4, "old")
    assert renew([failed], [], (Window(110, 120), Window(120, 130)), WITHIN) == (failed,)


def test_a_series_names_its_first_fifty() -> None:
    failed = [FailedWindow(Window(hour, hour + 1), 4, "error") for hour in range(300, 420, 2)]
    assert renew(failed[::-1], [], (), WITHIN) == tuple(failed[:50])
