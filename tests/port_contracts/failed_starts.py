"""What the record of a failed start promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from candle_collector.domain.health import FailedStart
from candle_collector.ports import FailedStartStore

AT = datetime(2025, 6, 1, 12, 5, 3, 250_000, tzinfo=UTC)
REGION = FailedStart("forward", AT - timedelta(seconds=3), AT, "The exchange refuses this region (451). 币安 \n 'x'")


class FailedStartContract:
    """Tests of whatever the fixture `failed_starts` gives."""

    def test_the_last_one_comes_back_exactly(self, failed_starts: FailedStartStore) -> None:
        assert failed_starts.get() is None
        failed_starts.put(REGION)
        assert failed_starts.get() == REGION
        later = FailedStart("gap_fill", AT, AT + timedelta(hours=6), "the exchange does not answer")
        failed_starts.put(later)
        failed_starts.put(later)
        assert failed_starts.get() == later
