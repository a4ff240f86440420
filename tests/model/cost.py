"""What a run costs, at the list prices that the dry run uses too."""

from __future__ import annotations

import math

from candle_collector.collecting.plan_run import PRICES

from tests.model.published import IDLE_POLLS_A_SECOND
from tests.model.simulate import Result

CALLS_A_MESSAGE = 3
"""Sent, received, deleted."""


def dollars(result: Result) -> dict[str, float]:
    """Return the US dollars by what they are paid for; API, trigger, reconciler and logs are not in it."""
    used, place = result.used, result.place
    messages = result.job.symbols + used.messages
    gigabytes = place.memory_mb / 1024
    return {
        "writes": used.write_units * PRICES["dynamodb_write_unit"],
        "reads": math.ceil(used.read_units) * PRICES["dynamodb_read_unit"],
        "Lambda": used.seconds * gigabytes * PRICES["lambda_gb_second"] + used.invocations * PRICES["lambda_request"],
        "SQS": (messages * CALLS_A_MESSAGE + result.seconds * IDLE_POLLS_A_SECOND) * PRICES["sqs_request"],
    }
