"""A part of `make kills`: one run that is killed up to ten times, at random moments and at chosen calls."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

from tests.exchange import running_exchange
from tests.kills.archives import copied, launching
from tests.kills.collection import Collection, assert_of_the_exchange
from tests.kills.killing import Tally, kill_until_complete

KILLS = 10
SEED = 8031
"""Of its ten kills the last ones are at the end of a run."""


def test_nothing_is_lost_whenever_the_process_group_is_killed(tmp_path: Path) -> None:
    source, tally = random.Random(SEED), Tally()
    with running_exchange("--simulated") as exchange, launching() as launcher:
        exchange.settings(latency_ms=60, weight_limit=1_000_000)
        collection = Collection(exchange, partial(copied, tmp_path, tmp_path / "copy"))
        launch = partial(launcher.start, tmp_path, exchange.url)
        kill_until_complete(launch, collection, source, tally, most=KILLS, latest=0.9, progress=False)
        assert tally.kills > 5
        exchange.settings(latency_ms=0)
        assert_of_the_exchange(collection.check_end(), exchange)
