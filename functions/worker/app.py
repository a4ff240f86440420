"""Does the work of one message: a turn at one symbol of a run."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from candle_collector import bootstrap
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.collecting.failed_turn import keep_failed_turn
from candle_collector.domain.series_message import read_message
from candle_collector.observability import logger

log = logger()
bootstrap.load("exchange", "rate_limiter", "runs", "series", "candles", "queue", "events", "metrics")


@log.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on the messages; those that fail are answered by name, so that only they come back."""

    def work(record: SQSRecord) -> None:
        log.thread_safe_clear_keys()  # those of the message before
        log.thread_safe_append_keys(message_id=record.message_id)
        try:
            message = read_message(record.body)
        except Exception as error:
            # not the message itself: it may hold anything
            log.error("the message cannot be read; it becomes a dead letter", extra={"reason": str(error)})  # noqa: TRY400 - the reason says it
            raise
        log.thread_safe_append_keys(
            run_id=message.run_id,
            symbol=message.series.symbol,
            interval=str(message.series.interval),
            turn=message.turn,
        )
        try:
            ports = bootstrap.container().worker_ports(remaining_seconds=context.get_remaining_time_in_millis() / 1000)
            collect_symbol(message, ports)
            log.info("turn done")
        except Exception as error:
            log.exception("the turn failed; its message comes back", extra={"reason": str(error)})
            container, receives = bootstrap.container(), int(record.attributes.approximate_receive_count or 1)
            keep_failed_turn(message, error, container.failed_starts, container.clock, receives=receives)
            raise

    # a batch that fails whole is answered as such, not raised: an answer keeps the process and its connections
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    try:
        return process_partial_response(event, work, processor, context)
    finally:
        log.thread_safe_clear_keys()
