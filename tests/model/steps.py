"""The calls of DynamoDB in a worker's turn, in their order; a test compares them with those of the real code."""

from __future__ import annotations

import math
from collections import Counter

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


def batch_writes(days: int) -> int:
    """Return how many calls write so many days."""
    return math.ceil(days / ITEMS_A_BATCH_WRITE)


def store(days: int, *, is_first: bool) -> tuple[str, ...]:
    """Return the calls that store a batch.

    How far the run is without it, its blocks, and the series' own record once it has candles.
    """
    return ("UpdateItem", *["BatchWriteItem"] * batch_writes(days), *["PutItem"] * is_first)


def of_turn(days: list[int]) -> Counter[str]:
    """Return how often a turn makes each call that writes these batches, all under one reservation."""
    calls = Counter([*SETUP, *RESERVE, *END])
    for number, written in enumerate(days, start=1):
        calls.update([*GRANT, *store(written, is_first=number == 1)])
    return calls
