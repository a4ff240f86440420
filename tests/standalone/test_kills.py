"""A part of `make kills`: one run that is killed up to six times, at random moments and at chosen calls."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

from tests.exchange import running_exchange
from tests.kills.archives import copied, launching
from tests.kills.collection import Collection, assert_of_the_exchange
from tests.kills.killing import Tally, kill_until_complete

KILLS = 6
SEED = 8031
LATEST_SECONDS = 0.5
"""By when it is killed after each start, so that the run does not end before."""


def test_nothing_is_lost_whenever_the_process_group_is_killed(tmp_path: Path) -> None:
    source, tally = random.Random(SEED), Tally()
    with running_exchange("--simulated") as exchange, launching() as launcher:
        exchange.settings(latency_ms=60, weight_limit=1_000_000)
        collection = Collection(exchange, partial(copied, tmp_path, tmp_path / "copy"))
        launch = partial(launcher.start, tmp_path, exchange.url)
        kill_until_complete(launch, collection, source, tally, most=KILLS, latest=LATEST_SECONDS, progress=False)
        assert tally.kills > 3
        exchange.settings(latency_ms=0)
        assert_of_the_exchange(collection.check_end(), exchange)
