"""Kills an archive at moments and calls that are drawn by chance, and starts it again, until its run has ended."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.kills.archives import Archive
from tests.kills.collection import SYMBOLS, Collection, live
from tests.kills.progress import say
from tests.kills.server import Aim

AIMED_WAIT = 3.0
"""How long an aimed kill is waited for, before the process is killed all the same."""

OF_THE_SERVER = 0.4
"""How often not the whole group is killed, but the server alone."""

OF_A_WORKER = (0.5, 2.5)
"""When a worker process is killed alone, in seconds from the start of the server."""

WORKER_ENDED = "a worker process ended; others do what it had in hand, and it is started again"

_SQL = "candle_collector.adapters.sql"
_STEPS: tuple[tuple[str, int], ...] = (
    # its message is deleted after the commit
    (f"{_SQL}.queue:SqlQueue.delete", len(SYMBOLS)),
    (f"{_SQL}.queue:SqlQueue.receive", len(SYMBOLS)),
    # a symbol is claimed, its first request is not sent; a window is stored
    ("candle_collector.adapters.binance.client:Binance.fetch_candles", 40),
    (f"{_SQL}.rate_limiter:SqlRateLimiter.reserve", 10),
    (f"{_SQL}.runs:SqlRuns.put_symbol", 60),
    (f"{_SQL}.candles:SqlCandles.store", 40),
    (f"{_SQL}.series:SqlSeries.put", 40),
    # within a transaction, at the very moment of its commit, and after it
    ("sqlalchemy.engine.default:DefaultDialect.do_commit", 120),
    # recovery
    (f"{_SQL}.queue:SqlQueue.make_all_visible", 1),
    (f"{_SQL}.runs:SqlRuns.open_runs", 1),
    ("standalone.recovery:_free", 5),
    ("standalone.recovery:_send", 1),
    # the creation of the schema, the key and the run
    (f"{_SQL}.database:migrate", 1),
    (f"{_SQL}.keys:SqlKeys.put", 1),
    (f"{_SQL}.leases:SqlLeases.take", 1),
    (f"{_SQL}.runs:SqlRuns.create", 1),
    (f"{_SQL}.runs:SqlRuns.activate", 1),
    (f"{_SQL}.queue:SqlQueue.enqueue", 2),
    # the end of a symbol and of the run
    (f"{_SQL}.runs:SqlRuns.leave", len(SYMBOLS)),
    (f"{_SQL}.runs:SqlRuns.end", 1),
    ("candle_collector.adapters.log_events:LogEvents.collection_ended", 1),
    (f"{_SQL}.runs:SqlRuns.forget_open", 1),
)
AIMS = [Aim(where, number, after) for where, number in _STEPS for after in (False, True)]
_OF_THE_END = ("SqlRuns.leave", "SqlRuns.end", "collection_ended", "forget_open", "SqlQueue.delete")
_OF_THE_START = ("migrate", "SqlKeys.put", "SqlLeases", "SqlRuns.create", "SqlRuns.activate", "SqlQueue.enqueue")


@dataclass
class Tally:
    """What was done, over all runs."""

    kills: int = 0
    of_workers: int = 0
    of_servers: int = 0
    starts: int = 0
    runs: int = 0
    aimed: Counter[str] = field(default_factory=Counter)
    went_on: list[float] = field(default_factory=list)

    def line(self) -> str:
        slowest = max(self.went_on, default=0)
        return (
            f"{self.kills} kills ({sum(self.aimed.values())} at {len(self.aimed)} chosen calls, "
            f"{self.of_servers} of the server alone), {self.of_workers} of a worker process alone, "
            f"{self.starts} starts, {self.runs} runs, went on after {slowest:.1f} s at most"
        )


def draw(source: random.Random, kill_of_run: int, latest: float) -> Aim | float:
    """Return the next kill: a chosen call, or seconds from the start of the process."""
    if source.random() < 0.55:
        return source.uniform(0.02, latest)
    known = AIMS
    if kill_of_run == 0:  # the only moment at which there is neither a schema nor a run
        known = [aim for aim in AIMS if any(step in aim.where for step in _OF_THE_START)]
    elif kill_of_run > 4:
        known = [aim for aim in AIMS if any(step in aim.where for step in _OF_THE_END)] or AIMS
    aim = source.choice(known)
    return Aim(aim.where, source.randint(1, aim.number), aim.after, of_a_worker=source.random() < 0.25)


def kill_until_complete(
    launch: Callable[..., Archive],
    collection: Collection,
    source: random.Random,
    tally: Tally,
    *,
    most: int,
    latest: float = 1.6,
    progress: bool = True,
) -> None:
    """Kill and start again until the run has ended, at most so many times over all runs.

    Parameters
    ----------
    launch
        Starts the archive, with the call at which it kills itself.
    latest
        When a process is killed at last whose moment is drawn, in seconds from its start.
    """
    killed = 0
    while True:
        may_kill = tally.kills < most
        plan = draw(source, killed, latest) if may_kill else None
        aim = plan if isinstance(plan, Aim) else None
        after = AIMED_WAIT if aim else plan
        archive = launch(aim=aim)
        tally.starts += 1
        is_of_server = plan is not None and not aim and source.random() < OF_THE_SERVER
        seconds = live(
            archive,
            collection,
            kill=archive.kill_server if is_of_server else archive.kill,
            kill_after=after if isinstance(after, float) else None,
            kill_worker_after=source.uniform(*OF_A_WORKER) if source.random() < 0.5 else None,
        )
        if seconds is not None:
            tally.went_on.append(seconds)
        tally.of_workers += len(archive.logged(WORKER_ENDED))
        if collection.is_finished:
            archive.end()
        else:
            lived = time.monotonic() - archive.began
            unwanted = [
                line
                for line in archive.lines()
                if line.get("level") in {"ERROR", "CRITICAL"} and line["message"] != WORKER_ENDED
            ]
            assert not unwanted, unwanted[0]
            assert may_kill, archive.lines()[-1:]
            tally.kills += 1
            tally.of_servers += is_of_server
            killed += 1
            if aim and lived < AIMED_WAIT:
                tally.aimed[str(aim)] += 1
            if progress:
                say(f"kill {tally.kills}: {aim or 'a moment'} after {lived:.2f} s, {len(collection.reported)} complete")
        archive.close()
        collection.check_held()
        if collection.is_finished:
            break
    tally.runs += 1
