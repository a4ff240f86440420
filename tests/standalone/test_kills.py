"""Ten kills of the two hundred of `make kills`: at random moments of a run, and at chosen calls."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

from tests.exchange import running_exchange
from tests.kills.archives import copied, launching
from tests.kills.collection import Collection, assert_of_the_exchange
from tests.kills.killing import Tally, kill_until_complete

KILLS = 10


def test_nothing_is_lost_whenever_the_process_group_is_killed(tmp_path: Path) -> None:
    source, tally = random.Random(3), Tally()
    with running_exchange("--simulated") as exchange, launching() as launcher:
        while tally.kills < KILLS:
            exchange.settings(latency_ms=60, weight_limit=1_000_000)
            folder = tmp_path / f"run-{tally.runs}"
            folder.mkdir()
            collection = Collection(exchange, partial(copied, folder, tmp_path / "copy"))
            launch = partial(launcher.start, folder, exchange.url)
            kill_until_complete(launch, collection, source, tally, most=KILLS, latest=0.9, progress=False)
            exchange.settings(latency_ms=0)
            assert_of_the_exchange(collection.check_end(), exchange)
