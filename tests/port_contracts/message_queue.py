"""What a queue promises whose receiving end is ours too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from candle_collector.domain.pace import DEADLINE_MOST
from candle_collector.domain.series_message import SeriesMessage, read_message
from candle_collector.errors import CollectorError
from candle_collector.ports import MessageQueue, ReceivedMessage

from tests.fakes.clock import FakeClock
from tests.port_contracts.collect_queue import MESSAGES, CollectQueueContract, Received

VISIBILITY = timedelta(seconds=360)


def receive(queue: MessageQueue) -> ReceivedMessage:
    received = queue.receive(visibility=VISIBILITY)
    assert received is not None
    return received


def message_of(received: ReceivedMessage) -> SeriesMessage:
    return read_message(received.body)


class MessageQueueContract(CollectQueueContract):
    """Tests of whatever the fixtures `queue` and `clock` give."""

    @pytest.fixture
    def received(self, queue: MessageQueue) -> Received:
        def all_of_them() -> list[SeriesMessage]:
            found = []
            while taken := queue.receive(visibility=VISIBILITY):
                found.append(message_of(taken))
                queue.delete(taken.receipt)
            return found

        return all_of_them

    def test_messages_come_in_the_order_in_which_they_were_sent(self, queue: MessageQueue) -> None:
        queue.enqueue(MESSAGES[:12])
        queue.enqueue(MESSAGES[12:])
        assert [message_of(receive(queue)) for _ in MESSAGES] == MESSAGES
        assert queue.receive(visibility=VISIBILITY) is None

    def test_a_received_message_is_hidden_until_its_visibility_is_over(
        self, queue: MessageQueue, clock: FakeClock
    ) -> None:
        queue.enqueue(MESSAGES[:1])
        first = receive(queue)
        assert (first.receives, queue.waiting()) == (1, 0)
        clock.advance(359)
        assert queue.receive(visibility=VISIBILITY) is None
        clock.advance(1)
        assert queue.waiting() == 1
        second = receive(queue)
        assert (second.message_id, second.body, second.receives) == (first.message_id, first.body, 2)
        assert second.receipt != first.receipt

    def test_a_deleted_message_never_comes_back(self, queue: MessageQueue, clock: FakeClock) -> None:
        queue.enqueue(MESSAGES[:2])
        first = receive(queue)
        queue.delete(first.receipt)
        queue.delete(first.receipt)
        clock.advance(400)
        assert message_of(receive(queue)) == MESSAGES[1]
        assert queue.receive(visibility=VISIBILITY) is None

    def test_a_late_worker_deletes_nothing_of_the_one_that_has_the_message_now(
        self, queue: MessageQueue, clock: FakeClock
    ) -> None:
        queue.enqueue(MESSAGES[:1])
        late = receive(queue)
        clock.advance(361)
        newest = receive(queue)
        queue.delete(late.receipt)
        queue.make_visible(late.receipt)
        assert queue.waiting() == 0
        assert queue.next_visible_in() == 360
        queue.delete(newest.receipt)
        assert queue.next_visible_in() is None

    def test_a_worker_that_is_late_deletes_its_message_while_nobody_else_has_it(
        self, queue: MessageQueue, clock: FakeClock
    ) -> None:
        queue.enqueue(MESSAGES[:1])
        late = receive(queue)
        clock.advance(361)
        queue.delete(late.receipt)
        assert queue.receive(visibility=VISIBILITY) is None

    def test_a_message_that_is_handed_back_comes_at_once_and_its_receive_counts(self, queue: MessageQueue) -> None:
        queue.enqueue(MESSAGES[:1])
        first = receive(queue)
        queue.make_visible(first.receipt)
        assert queue.waiting() == 1
        second = receive(queue)
        assert second.receives == 2
        queue.make_visible(first.receipt)
        queue.delete(first.receipt)
        assert queue.waiting() == 0

    def test_after_a_crash_all_that_were_held_come_at_once_and_delays_stay(self, queue: MessageQueue) -> None:
        queue.enqueue(MESSAGES[:3])
        queue.enqueue(MESSAGES[3:5], delay_seconds=60)
        held = [receive(queue) for _ in range(2)]
        assert queue.make_all_visible() == 2
        assert queue.waiting() == 3
        assert queue.make_all_visible() == 0
        queue.delete(held[0].receipt)
        assert sorted(message_of(receive(queue)).turn for _ in range(3)) == [1, 2, 3]

    def test_it_says_when_the_next_message_comes(self, queue: MessageQueue, clock: FakeClock) -> None:
        assert queue.next_visible_in() is None
        queue.enqueue(MESSAGES[:1], delay_seconds=900)
        assert queue.next_visible_in() == 900
        queue.enqueue(MESSAGES[1:2], delay_seconds=30)
        clock.advance(20)
        assert queue.next_visible_in() == 10
        clock.advance(500)
        assert queue.next_visible_in() == 0
        receive(queue)
        assert queue.next_visible_in() == 360

    def test_a_delay_longer_than_that_of_sqs_is_refused(self, queue: MessageQueue) -> None:
        with pytest.raises(CollectorError, match="900"):
            queue.enqueue(MESSAGES[:1], delay_seconds=901)
        assert queue.next_visible_in() is None

    def test_a_message_that_was_received_five_times_is_a_dead_letter(
        self, queue: MessageQueue, clock: FakeClock
    ) -> None:
        queue.enqueue(MESSAGES[:2])
        for receives in range(1, 6):
            first, second = receive(queue), receive(queue)
            assert (first.receives, second.receives) == (receives, receives)
            clock.advance(361)
        assert queue.dead_letters() == []
        assert queue.receive(visibility=VISIBILITY) is None
        assert [(message_of(letter), letter.receives) for letter in queue.dead_letters()] == [
            (MESSAGES[0], 5),
            (MESSAGES[1], 5),
        ]
        queue.delete(first.receipt)
        assert len(queue.dead_letters()) == 2
        assert (queue.waiting(), queue.next_visible_in()) == (0, None)

    def test_a_message_is_dropped_when_no_run_can_want_it_any_more(self, queue: MessageQueue, clock: FakeClock) -> None:
        queue.enqueue(MESSAGES[:1])
        clock.advance(3600)
        queue.enqueue(MESSAGES[1:2])
        clock.advance(DEADLINE_MOST.total_seconds() - 7200)
        assert queue.waiting() == 2
        clock.advance(3600)
        assert queue.waiting() == 1
        assert message_of(receive(queue)) == MESSAGES[1]
        assert queue.receive(visibility=VISIBILITY) is None
        assert queue.dead_letters() == []

    def test_receivers_at_once_never_get_the_same_message(self, queue: MessageQueue) -> None:
        queue.enqueue(MESSAGES)
        with ThreadPoolExecutor(6) as threads:
            taken = list(threads.map(lambda _: receive(queue), MESSAGES))
        assert sorted(message_of(received).turn for received in taken) == [message.turn for message in MESSAGES]
        assert queue.receive(visibility=VISIBILITY) is None
