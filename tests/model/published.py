"""Published figures of AWS and of the way to the exchange, each with its source; looked at on 2026-11-26."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

Z_99 = 2.326
"""The 99th percentile of the normal distribution, in standard deviations."""


class Latency(NamedTuple):
    """How long something takes, in seconds: lognormal with this median and this 99th percentile."""

    median: float
    p99: float

    def draw(self, chance: random.Random) -> float:
        """Return how long it takes this time."""
        if self.p99 == self.median:
            return self.median
        return self.median * math.exp(chance.gauss(0, math.log(self.p99 / self.median) / Z_99))

    def times(self, factor: float) -> Latency:
        """Return one that takes so many times as long."""
        return Latency(self.median * factor, self.p99 * factor)


def always(seconds: float) -> Latency:
    """Return a latency that never varies."""
    return Latency(seconds, seconds)


CALL = Latency(0.00755, 0.0162)
"""A call of DynamoDB from a Lambda function on one item. Measured for PutItem, with Node.js, 2020
(https://github.com/alexdebrie/dynamodb-performance-testing); AWS says "single-digit millisecond". Reads are taken to be
no quicker."""

BATCH_WRITE = Latency(0.0102, 0.0276)
"""BatchWriteItem of 25 items, from the same measurement."""

DELIVERY = Latency(0.0162, 0.105)
"""From a message's sending to its function's begin, standard queue, eu-west-1, September 2022
(https://bitesizedserverless.com/bite/serverless-messaging-latency-compared/)."""

SANDBOX = Latency(0.2, 0.8)
"""A cold start without our own imports: Python 3.13, the lower median and the lower 99th percentile that are reported
(https://edjgeek.com/blog/lambda-cold-starts-dead, 2026-04)."""

EXCHANGE = Latency(0.25, 0.6)
"""A request for 1000 candles from Frankfurt, samconfig.toml's region. The exchange's servers are in Tokyo; between the
two regions a round trip takes 236 ms
(https://acomputerscientistlearnsaws.blogspot.com/2017/04/aws-regions.html). The rest and the spread are assumptions."""

EXCHANGE_NEAR = Latency(0.05, 0.2)
"""The same from Tokyo: an assumption."""

FULL_CORE_MB = 1769
"""The memory with which a function has one vCPU; with less it has that part of one
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""

POLLERS_AT_FIRST = 5
POLLERS_A_SECOND = 300 / 60
"""An event source mapping begins with 5 invocations at a time and adds up to 300 a minute
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html). A function's own growth, 1,000 in 10 s, never
binds here (https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html)."""

IDLE_POLLS_A_SECOND = POLLERS_AT_FIRST / 20
"""Each poller's long poll of an empty queue takes 20 s."""

PARTITION_WRITE_UNITS = 1000
"""What one partition of a table takes each second (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/
warm-throughput-scenarios.html)."""

PARTITIONS_AT_FIRST = 4
"""A new table on demand takes 4,000 write units a second, and twice its highest traffic half an hour later
(https://docs.amazonaws.cn/en_us/amazondynamodb/latest/developerguide/pre-warming-on-demand-capacity-mode.html)."""

PARTITIONS_GROW_SECONDS = 1800
