"""The evaluator of alarms gives what the examples of CloudWatch's documentation give."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.cloudwatch import Alarm, State
from tests.emf import Emitted

ALL_THREE = Alarm("N", "M", frozenset(), "Maximum", 60, 3, 3, "GreaterThanThreshold", 10, "missing")
OK, ALARM, UNKNOWN = State.OK, State.ALARM, State.UNKNOWN
SETTINGS = ("missing", "ignore", "breaching", "notBreaching")
RETAINED = None


def points(written: str) -> list[bool | None]:
    """Read `0 X -`: within the threshold, breaching it, without data."""
    return [{"0": False, "X": True, "-": None}[point] for point in written.split()]


@pytest.mark.parametrize("before", [OK, ALARM])
@pytest.mark.parametrize(
    ("to_alarm", "written", "states"),
    [
        (3, "0 - X - X", (OK, OK, OK, OK)),
        (3, "- - - - 0", (OK, OK, OK, OK)),
        (3, "- - - - -", (UNKNOWN, RETAINED, ALARM, OK)),
        (3, "0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
        (3, "- - X - -", (ALARM, RETAINED, ALARM, OK)),
        (2, "0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 - X - -", (OK, OK, ALARM, OK)),
        (2, "- - - - 0", (OK, OK, ALARM, OK)),
        (2, "- - - X -", (ALARM, RETAINED, ALARM, OK)),
        (2, "- - - - X", (RETAINED, RETAINED, ALARM, OK)),  # a single late value
        (3, "- - - - X", (RETAINED, RETAINED, ALARM, OK)),
    ],
)
def test_the_examples_of_the_documentation(
    to_alarm: int, written: str, states: tuple[State | None, ...], before: State
) -> None:
    for setting, state in zip(SETTINGS, states, strict=True):
        alarm = replace(ALL_THREE, to_alarm=to_alarm, missing=setting)
        assert alarm.after(before, points(written)) == (state or before), setting


def value(at: float, number: float, **dimensions: str) -> Emitted:
    return Emitted("N", "M", frozenset(dimensions.items()), "Count", number, at, {})


def test_values_of_a_period_are_one_point_by_the_statistic() -> None:
    values = [value(0, 6), value(59, 6), value(60, 11)]
    single = replace(ALL_THREE, evaluated=1, to_alarm=1, missing="notBreaching")
    assert [state for _, state in single.history(values, 0, 120)] == [OK, ALARM]
    summed = replace(single, statistic="Sum")
    assert [state for _, state in summed.history(values, 0, 120)] == [ALARM, ALARM]


def test_a_value_with_other_dimensions_is_of_another_metric() -> None:
    single = replace(ALL_THREE, evaluated=1, to_alarm=1, dimensions=frozenset({("service", "a")}))
    for other in (value(0, 20), value(0, 20, service="b"), value(0, 20, service="a", symbol="X")):
        assert [state for _, state in single.history([other], 0, 60)] == [UNKNOWN]
    assert [state for _, state in single.history([value(0, 20, service="a")], 0, 60)] == [ALARM]
