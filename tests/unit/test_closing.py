"""When an hour counts as closed: to the millisecond."""

from __future__ import annotations

import pytest
from candle_collector.domain.closing import closed_end_at

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("now_ms", "closed_end"),
    [
        (10 * HOUR_MS + 999, 9),  # the exchange's clock, cut to seconds, may not have reached the hour yet
        (10 * HOUR_MS + 1000, 10),
        (11 * HOUR_MS - 1, 10),
        (11 * HOUR_MS, 10),
        (11 * HOUR_MS + 1000, 11),
    ],
)
def test_an_hour_has_closed_a_second_after_its_end(now_ms: int, closed_end: int) -> None:
    assert closed_end_at(now_ms) == closed_end
