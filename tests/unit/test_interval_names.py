"""Who writes a name that no interval has is helped to the one that was meant."""

from __future__ import annotations

import pytest
from candle_collector.domain.aggregate import INTERVALS
from candle_collector.domain.interval import Interval, interval_named
from candle_collector.domain.interval_names import meant


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("1H", "; perhaps 1h is meant"),
        ("60m", "; perhaps 1h is meant"),
        ("1 hour", "; perhaps 1h is meant"),
        ("5T", "; perhaps 5m is meant"),
        ("24h", "; perhaps 1d is meant"),
        ("7d", "; perhaps 1w is meant"),
        ("1mo", "; perhaps 1M is meant"),
        ("7m", "; the nearest are 5m and 15m"),
        ("0m", "; the nearest is 1m"),
        ("2y", ""),
        ("hourly", ""),
        ("9999999999m", ""),
    ],
)
def test_a_name_is_led_to_what_was_meant(name: str, hint: str) -> None:
    assert meant(name, INTERVALS) == hint


def test_every_name_is_meant_by_itself() -> None:
    assert [meant(name, INTERVALS) for name in INTERVALS] == [f"; perhaps {name} is meant" for name in INTERVALS]


def test_of_those_that_are_collected_all_are_named() -> None:
    with pytest.raises(ValueError, match="'4h' is not an interval that is collected") as refused:
        interval_named("4h")
    assert str(refused.value).endswith(f": {', '.join(map(str, Interval))}; the nearest are 1h and 1d")
