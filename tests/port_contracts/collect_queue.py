"""What the way to the workers promises."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.interval import Interval
from candle_collector.domain.series import Series
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.ports import CollectQueue

from tests.hourly import hourly

MESSAGES = [
    SeriesMessage("01JWNP30F0AAAAAAAAAAAAAAAA", Series(f"S{turn:02}USDT", interval, BINANCE.name), turn)
    for turn, interval in zip(range(1, 26), itertools.cycle([Interval.HOUR, Interval.MINUTE]), strict=False)
]

Received = Callable[[], list[SeriesMessage]]


class CollectQueueContract:
    """Tests of whatever the fixtures `queue` and `received` give."""

    def test_every_message_arrives_as_it_was_sent(self, queue: CollectQueue, received: Received) -> None:
        queue.enqueue(MESSAGES)
        assert queue.waiting() == 25
        assert sorted(received(), key=lambda item: item.turn) == MESSAGES

    def test_nothing_to_send_sends_nothing(self, queue: CollectQueue, received: Received) -> None:
        queue.enqueue([])
        assert queue.waiting() == 0
        assert received() == []

    def test_a_delayed_message_does_not_wait_for_a_worker_yet(self, queue: CollectQueue, received: Received) -> None:
        queue.enqueue(MESSAGES[:3], delay_seconds=900)
        assert queue.waiting() == 0
        assert received() == []

    def test_a_symbol_in_letters_beyond_ascii_arrives(self, queue: CollectQueue, received: Received) -> None:
        message = SeriesMessage("01JWNP30F0AAAAAAAAAAAAAAAA", hourly("\u5e01\u5b89\u4eba\u751fUSDT"), 1)
        queue.enqueue([message])
        assert received() == [message]
