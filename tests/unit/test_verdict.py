"""What two answers say of stored candles, whatever they hold."""

from __future__ import annotations

from itertools import pairwise

from candle_collector.domain import windows
from candle_collector.domain.comparison import KEPT_DIFFERENCES, Comparison, Difference
from candle_collector.domain.run import Failure, Outcome
from candle_collector.domain.verdict import (
    Reading,
    Verdict,
    compare,
    explain,
    judge_comparison,
    windows_to_compare,
)
from candle_collector.domain.windows import Window
from hypothesis import given
from hypothesis import strategies as st

from tests.hourly import HOUR

HOURS = st.integers(0, 30)
LINES = st.sampled_from(["", "a", "b", "c"])
STORED = st.dictionaries(HOURS, st.sampled_from(["a", "b", "c"]))
READINGS = st.builds(Reading, st.integers(0, 31), st.dictionaries(HOURS, LINES)).map(
    lambda reading: reading._replace(
        offered={hour: line for hour, line in reading.offered.items() if hour < reading.end}
    )
)
WHOLE = Window(0, 31)


@given(STORED, READINGS, READINGS)
def test_a_difference_is_what_both_say_and_is_not_stored(
    stored: dict[int, str], first: Reading, second: Reading
) -> None:
    verdict = compare(WHOLE, stored, first, second)
    assert verdict == compare(WHOLE, stored, second, first)
    assert verdict.window == Window(0, min(first.end, second.end))
    for hour, old, new in verdict.differences:
        assert first.offered[hour] == second.offered[hour] == new != old
        assert old == stored.get(hour, "")
        assert hour in verdict.compared
    doubtful = set(windows.slots_in(verdict.doubtful))
    assert doubtful.isdisjoint(verdict.compared)
    for hour in doubtful:
        assert stored.get(hour, "") not in {first.offered[hour], second.offered[hour]}
    assert set(verdict.compared) <= stored.keys() | {item.slot for item in verdict.differences}


@given(STORED, READINGS, READINGS, st.integers(1, 5))
def test_the_parts_of_a_verdict_are_all_of_it(
    stored: dict[int, str], first: Reading, second: Reading, most: int
) -> None:
    verdict = compare(WHOLE, stored, first, second)
    parts = list(verdict.parts(most))
    assert parts[0].window.start == 0
    assert parts[-1].window.end == verdict.window.end
    assert all(part.window.end == following.window.start for part, following in pairwise(parts))
    assert sum(part.compared for part in parts) == len(verdict.compared)
    assert [item for part in parts for item in part.differences] == list(verdict.differences)
    assert all(len(part.differences) <= most for part in parts)
    assert all(part.window.start <= item.slot < part.window.end for part in parts for item in part.differences)
    assert windows.union(window for part in parts for window in part.doubtful) == verdict.doubtful


@given(st.sets(st.integers(0, 300)), st.integers(1, 50), st.integers(1, 100), st.text())
def test_a_sample_is_the_same_for_the_same_text_and_never_empty(
    known: set[int], slots: int, sample: int, seed: str
) -> None:
    stored, within = windows.from_slots(known), Window(20, 280)
    whole = windows_to_compare(stored, within, slots=slots)
    assert set(windows.slots_in(windows.clip(stored, within))) <= set(windows.slots_in(whole))
    assert all(window.slots <= slots and windows.clip(stored, window) for window in whole)
    drawn = windows_to_compare(stored, within, slots=slots, sample=sample, seed=seed)
    assert drawn == windows_to_compare(stored, within, slots=slots, sample=sample, seed=seed)
    assert set(drawn) <= set(whole)
    assert len(drawn) == -(-len(whole) * sample // 100)
    assert bool(drawn) == bool(whole)


def test_more_than_half_is_another_series() -> None:
    def of(differing: int) -> Verdict:
        return Verdict(WHOLE, tuple(range(10)), tuple(Difference(hour, "a", "b") for hour in range(differing)), ())

    assert (of(5).is_another_series, of(6).is_another_series) == (False, True)
    assert not Verdict(WHOLE, (), (), ()).is_another_series


def test_the_first_differences_are_kept_and_all_are_counted() -> None:
    found = [Difference(hour, "a", "b") for hour in range(100)]
    comparison = (
        Comparison().listing(found[50:]).listing(found[:50]).counting(compared=200, replaced=97, left=found[:3])
    )
    assert comparison.differences == tuple(found[:KEPT_DIFFERENCES])
    assert (comparison.different, comparison.repaired, comparison.left, comparison.first_left) == (100, 97, 3, 0)


def test_a_symbol_is_judged_by_what_differs_still_and_what_was_not_compared() -> None:
    missing, reason = (Window(1, 3),), Failure("deadline", "over")
    assert judge_comparison(Comparison(), ()) is Outcome.SKIPPED
    assert judge_comparison(Comparison(5, replaced=5), ()) is Outcome.COMPLETE
    assert judge_comparison(Comparison(5), missing) is Outcome.PARTIAL
    assert judge_comparison(Comparison(5, left=1), ()) is Outcome.PARTIAL
    assert judge_comparison(Comparison(), missing) is Outcome.FAILED
    assert explain(Comparison(5), (), reason, HOUR, repair=True) is None
    assert explain(Comparison(5), missing, reason, HOUR, repair=True) == reason
    both = explain(Comparison(5, left=1, first_left=482_000), missing, reason, HOUR, repair=False)
    assert both is not None
    assert (both.kind, both.message.endswith("; 2 candles were not compared: over")) == ("differs", True)
