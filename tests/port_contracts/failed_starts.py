"""What the record of a failed start promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from candle_collector.domain.health import FailedStart, FailedTurn
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

    def test_the_last_turn_comes_back_exactly_beside_it(self, failed_starts: FailedStartStore) -> None:
        assert failed_starts.turn() is None
        turn = FailedTurn("01KBSM0000ABCDEFGHJKMNPQRS", "BTCUSDT", AT, "the table refused it: 币安 \n 'x'")
        failed_starts.put_turn(turn)
        assert (failed_starts.turn(), failed_starts.get()) == (turn, None)
        later = FailedTurn(turn.run_id, "ETHUSDT", AT + timedelta(minutes=6), "no answer")
        failed_starts.put_turn(later)
        failed_starts.put_turn(later)
        failed_starts.put(REGION)
        assert (failed_starts.turn(), failed_starts.get()) == (later, REGION)
