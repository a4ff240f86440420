"""A database that fails for a while, several times, while a runtime lives on it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.kills.archives import Archive
from tests.kills.collection import Collection
from tests.kills.progress import say

SEED = 7
_LIVES_MOST = 200


def collect_with_outages(
    archive: Archive,
    collection: Collection,
    begin: Callable[[random.Random], object],
    end: Callable[[], object],
    *,
    said: str,
    times: int,
    seconds: tuple[float, float] = (1, 3),
) -> float:
    """Let the database fail for some seconds at random moments of runs; return after how many it went on, at most.

    Parameters
    ----------
    begin, end
        Let it fail, and let it work again.
    said
        What the sentence in the log says.
    """
    source = random.Random(SEED)
    until = time.monotonic() + _LIVES_MOST
    slowest = 0.0
    for number in range(times):
        _live_for(archive, collection, source.uniform(0.1, 0.4) if number else 0.8, until)
        if collection.is_finished:
            break
        begin(source)
        _live_for(archive, collection, source.uniform(*seconds), until)
        before = collection.records
        end()
        lifted = time.monotonic()
        while collection.records <= before and not collection.is_finished:
            _live_for(archive, collection, 0.05, until)
        slowest = max(slowest, time.monotonic() - lifted)
        say(f"outage {number + 1}: at {before} candles, went on {time.monotonic() - lifted:.1f} s after its end")
    while not collection.is_finished:
        _live_for(archive, collection, 0.1, until)
    sentences = [line.get("reason", "") for line in archive.lines() if line.get("level") in {"ERROR", "WARNING"}]
    assert not said or any(said in sentence for sentence in sentences), sentences
    return slowest


def _live_for(archive: Archive, collection: Collection, seconds: float, until: float) -> None:
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        assert not archive.is_dead(0.04), archive.lines()[-1:]
        assert time.monotonic() < until, "it does not go on"
        collection.look(archive)
