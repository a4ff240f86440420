"""The calls of DynamoDB in a worker's turn, in their order; a test compares them with those of the real code."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from candle_collector.domain.interval import HOUR
from candle_collector.domain.windows import Window

ITEMS_A_BATCH_WRITE = 25
"""The most of a BatchWriteItem (AWS's limit)."""

SETUP = ("GetItem", "GetItem", "UpdateItem", "GetItem", "Query", "Query", "PutItem")
"""The run, the series' record in it, its claim, the series' own record, its coverage by the records of the years and by
the masks of what they lack, and its own record brought up to it."""

RESERVE = ("UpdateItem",)
GRANT = ("GetItem",)

NOTED = ("PutItem", "PutItem")
"""The series' record and the coverage record of the year, of what a turn has stored."""

END = (*NOTED, "UpdateItem", "GetItem", "UpdateItem")
"""That, the outcome, the run's list of series (read once a process), and the run without this one."""

REQUEUE = ("UpdateItem", "SendMessage")


class Blocks(NamedTuple):
    """How many blocks a batch writes: those that are whole together, and each that it has a part of by itself."""

    whole: int
    parts: int


def blocks_of(span: Window) -> Blocks:
    """Return the blocks that a batch of these hours writes."""
    size = HOUR.block_slots
    whole = max(0, span.end // size - -(-span.start // size))
    return Blocks(whole, len(HOUR.blocks_in((span,))) - whole)


def store(blocks: Blocks, *, is_first: bool) -> tuple[str, ...]:
    """Return the calls that store a batch.

    How far the run is without it, its blocks, and the series' own record once it has candles.
    """
    batches = math.ceil(blocks.whole / ITEMS_A_BATCH_WRITE)
    return ("UpdateItem", *["BatchWriteItem"] * batches, *["PutItem"] * (blocks.parts + is_first))


def of_turn(spans: list[Window]) -> Counter[str]:
    """Return how often a turn makes each call that writes these batches, all under one reservation."""
    calls = Counter([*SETUP, *RESERVE, *END])
    for number, span in enumerate(spans, start=1):
        calls.update([*GRANT, *store(blocks_of(span), is_first=number == 1)])
    return calls
