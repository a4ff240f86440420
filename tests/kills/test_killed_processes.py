"""The runtime is killed with its whole process group at any moment of a run, and started again, over and over."""

from __future__ import annotations

import os
import random
from functools import partial
from pathlib import Path

from tests.exchange import RunningExchange
from tests.kills.archives import Launcher, copied
from tests.kills.collection import Collection, Rows
from tests.kills.killing import Tally, kill_until_complete
from tests.kills.progress import say

KILLS = int(os.environ.get("KILLS", "200"))
SEED = int(os.environ.get("KILLS_SEED", "20251130"))


def test_nothing_is_lost_whenever_the_process_group_is_killed(
    launcher: Launcher, exchange: RunningExchange, reference: Rows, tmp_path: Path
) -> None:
    source, tally = random.Random(SEED), Tally()
    say(f"KILLS_SEED={SEED} KILLS={KILLS}")
    while tally.kills < KILLS:
        folder = tmp_path / f"run-{tally.runs}"
        folder.mkdir()
        collection = Collection(exchange, partial(copied, folder, tmp_path / "copy"))
        launch = partial(launcher.start, folder, exchange.url)
        kill_until_complete(launch, collection, source, tally, most=KILLS)
        assert collection.check_end() == reference
        say(tally.line())
    assert max(tally.went_on) < 20
