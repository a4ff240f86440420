"""What the way to the workers promises."""

from __future__ import annotations

from collections.abc import Callable

from candle_collector.domain.symbol_message import SymbolMessage
from candle_collector.ports import CollectQueue

MESSAGES = [SymbolMessage("01JWNP30F0AAAAAAAAAAAAAAAA", f"S{number:02}USDT", number + 1) for number in range(25)]

Received = Callable[[], list[SymbolMessage]]


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
        message = SymbolMessage("01JWNP30F0AAAAAAAAAAAAAAAA", "\u5e01\u5b89\u4eba\u751fUSDT", 1)
        queue.enqueue([message])
        assert received() == [message]
